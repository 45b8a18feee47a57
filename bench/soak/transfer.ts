import type { Writable } from "node:stream";
import { type ByteReader, EndedEarly } from "./byte-reader.js";
import { type Content, PIECE } from "./content.js";
import { type Pace, receipt, RECEIPT_BYTES } from "./task.js";

/** Something that no fault excuses, such as bytes that are not those that were sent. */
export class Wrong extends Error {}

/** The other end takes no more. */
export class SinkGone extends Error {}

/** Whom to tell how it goes on, and who waits where somebody dawdles. */
export interface Steps {
  moved(bytes: number): void;
  pause(milliseconds: number): Promise<void>;
}

/** Sends the bytes of body `key` up to `bytes`, no faster than they are taken. */
export async function send(
  sink: Writable,
  content: Content,
  key: number,
  bytes: number,
  pace: Pace | null,
  steps: Steps,
): Promise<void> {
  let sent = 0;
  const dawdle = dawdler(pace, steps);
  while (sent < bytes) {
    const piece = content.piece(key, sent, Math.min(bytes - sent, pace?.everyBytes ?? PIECE));
    await write(sink, piece);
    sent += piece.length;
    steps.moved(piece.length);
    // What has been sent whole is to be ended at once: the other end may answer by then.
    if (sent < bytes) await dawdle(sent);
  }
}

/** Writes, and waits until more is taken. */
export async function write(sink: Writable, bytes: Buffer | string): Promise<void> {
  if (sink.destroyed || sink.writableEnded) throw new SinkGone("the connection is gone");
  if (sink.write(bytes, "latin1")) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (done: () => void) => () => {
      sink.off("drain", onDrain).off("close", onClose).off("error", onClose);
      done();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new SinkGone("the connection broke")));
    sink.on("drain", onDrain).on("close", onClose).on("error", onClose);
  });
}

/**
 * Reads `bytes` of body `key`, and compares each.
 * @throws Wrong, or EndedEarly, or what the stream fails with
 */
export async function receive(
  reader: ByteReader,
  content: Content,
  key: number,
  bytes: number,
  pace: Pace | null,
  steps: Steps,
): Promise<void> {
  const dawdle = dawdler(pace, steps);
  for (let received = 0; received < bytes;) {
    const piece = await reader.read(bytes - received);
    if (piece === null) throw new EndedEarly(`${received} bytes instead of ${bytes}`);
    if (!content.matches(key, received, piece)) {
      throw new Wrong(`wrong bytes between ${received} and ${received + piece.length} of ${bytes}`);
    }
    received += piece.length;
    steps.moved(piece.length);
    await dawdle(received);
  }
}

/** Reads what the server says to have received, and compares it. */
export async function receiveReceipt(reader: ByteReader, expected: number): Promise<void> {
  let text = "";
  while (text.length < RECEIPT_BYTES) {
    const piece = await reader.read(RECEIPT_BYTES - text.length);
    if (piece === null) throw new EndedEarly("the server's receipt is missing");
    text += piece.toString("latin1");
  }
  if (text !== receipt(expected)) throw new Wrong(`${expected} bytes were sent, the receipt is ${text}`);
}

/** Reads to the end, which is to come at once. */
export async function receiveEnd(reader: ByteReader): Promise<void> {
  const more = await reader.read(PIECE);
  if (more !== null) throw new Wrong(`${more.length} bytes after the end`);
}

function dawdler(pace: Pace | null, steps: Steps): (bytes: number) => Promise<void> | undefined {
  let pauses = 0;
  return (bytes) => {
    if (pace === null || pauses >= pace.times || bytes < (pauses + 1) * pace.everyBytes) return undefined;
    pauses += 1;
    return steps.pause(pace.pauseMs);
  };
}

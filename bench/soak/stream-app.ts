import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { AppLine } from "./app.js";
import { breakOff, isPeerGone, unwatched } from "./app-connection.js";
import { ByteReader, EndedEarly } from "./byte-reader.js";
import type { Content } from "./content.js";
import { BANNER, downKey, receipt, type Tunnel, upKey } from "./task.js";
import { receive, receiveEnd, send, write } from "./transfer.js";

/** What was written before a break has left by then. */
const BEFORE_BREAK_MS = 20;

/** A TCP server of a protocol of its own: it says its banner, and does what the client's first line says. */
export function createStreamApp(content: Content, tell: (line: AppLine) => void): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    const reader = new ByteReader(socket);
    socket.on("error", () => undefined);
    socket.write(BANNER);
    void reader.until("\n").then(
      (line) => serveTunnel(JSON.parse(line) as Tunnel, reader, socket, content, tell),
      () => socket.destroy(),
    );
  });
}

/** Serves one tunnel to its end. */
export async function serveTunnel(
  tunnel: Tunnel,
  reader: ByteReader,
  socket: Socket,
  content: Content,
  tell: (line: AppLine) => void,
): Promise<void> {
  try {
    if (tunnel.abort?.by === "server" && tunnel.abort.during === "head") {
      breakOff(socket, tunnel.abort);
      return;
    }
    const received = receiveUp(tunnel, reader, socket, content);
    await Promise.all([received, sendDown(tunnel, socket, content, received)]);
  } catch (error) {
    // No framing tells that a client which finished had more to say; it knows itself.
    if (!isPeerGone(error) && !(error instanceof EndedEarly)) {
      tell({ says: "violation", what: `the server of tunnel ${tunnel.id}: ${String(error)}` });
    }
    socket.destroy();
  }
}

async function receiveUp(
  { id, up, abort }: Tunnel,
  reader: ByteReader,
  socket: Socket,
  content: Content,
): Promise<void> {
  if (abort?.by === "server" && abort.during === "request") {
    await receive(reader, content, upKey(id), abort.afterBytes, up.reader, unwatched);
    breakOff(socket, abort);
    return;
  }
  await receive(reader, content, upKey(id), up.bytes, up.reader, unwatched);
  await receiveEnd(reader);
  if (abort?.by === "client" && abort.during === "request") {
    throw new Error("all came of what its client broke off");
  }
}

async function sendDown(
  { id, up, down, abort }: Tunnel,
  socket: Socket,
  content: Content,
  received: Promise<void>,
): Promise<void> {
  const breaks = abort?.by === "server" && abort.during === "response";
  await send(socket, content, downKey(id), breaks ? abort.afterBytes : down.bytes, down.writer, unwatched);
  if (breaks) {
    await sleep(BEFORE_BREAK_MS);
    breakOff(socket, abort);
    return;
  }
  await received;
  await write(socket, receipt(up.bytes));
  socket.end();
}

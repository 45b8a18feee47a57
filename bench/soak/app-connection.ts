import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { EndedEarly } from "./byte-reader.js";
import type { Abort } from "./task.js";
import { SinkGone, type Steps } from "./transfer.js";

const broken = new WeakSet<Socket>();

/** Whether `breakOff` has broken this connection. */
export const wasBrokenOff = (socket: Socket) => broken.has(socket);

/** Breaks a connection on purpose. */
export function breakOff(socket: Socket, { reset }: Pick<Abort, "reset">): void {
  const isFinishing = socket.writableEnded && !socket.writableFinished;
  broken.add(socket);
  if (!reset) socket.destroy();
  // Node cannot reset a connection that it is finishing: it would neither be reset nor ever be closed.
  else if (isFinishing) socket.once("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

/** Whether an error tells no more than that the other end has gone. */
export function isPeerGone(error: unknown): boolean {
  if (error instanceof SinkGone) return true;
  // A message that ended, but too early, was short.
  if (error instanceof EndedEarly) return false;
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** For an end that nobody watches: what it waits for ends with the connection. */
export const unwatched: Steps = { moved: () => undefined, pause: (milliseconds) => sleep(milliseconds) };

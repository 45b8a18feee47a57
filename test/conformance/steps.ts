import type { Socket } from "node:net";

/** Writes so many bytes at a time, and lets the other side read in between. */
export async function writeInSteps(socket: Socket, bytes: string, step: number): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
    await new Promise((resolve) => socket.write(bytes.slice(at, at + step), "latin1", resolve));
    await new Promise(setImmediate);
  }
}

import { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** The WebSocket sub-protocol of a port-forward: each message begins with the number of its channel. */
export const PORT_FORWARD_PROTOCOL = "v4.channel.k8s.io";

/** The channels of the one port that is forwarded. The first message of each begins with the port, in two bytes. */
const DATA = 0;
const ERROR = 1;
const PORT_BYTES = 2;

/** What a connection through a port-forward ended with, in the words of the pod's node. */
export class PortForwardError extends Error {}

/** A connection to a port of a pod, within a WebSocket. It has no half-close. */
export class PortForward extends Duplex {
  readonly #socket: WebSocket;
  /** Channels whose port was read. */
  readonly #begun = new Set<number>();

  /** @param socket open and paused, of `PORT_FORWARD_PROTOCOL` */
  constructor(socket: WebSocket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#take(data));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.push(null));
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.send(Buffer.concat([Buffer.of(DATA), chunk]), done);
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }

  #take(message: Buffer): void {
    const channel = message[0] ?? DATA;
    const payload = message.subarray(this.#begun.has(channel) ? 1 : 1 + PORT_BYTES);
    this.#begun.add(channel);
    if (payload.length === 0) return;
    if (channel === ERROR) this.destroy(new PortForwardError(payload.toString("utf8").trim()));
    else if (channel === DATA && !this.push(payload)) this.#socket.pause();
  }
}

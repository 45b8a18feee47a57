import { connect, type Socket } from "node:net";
import type { Channel, ChannelEvents } from "./channel.js";
import type { Outcome } from "./outcome.js";
import { ResponseReader } from "./response-reader.js";
import type { Address } from "./target.js";

const READ_BUFFER_BYTES = 65_536;

/**
 * A client connection that carries one request of HTTP/1 after the other. It opens itself again when the server has closed it, as
 * clients do; only a request that was under way counts as failed.
 */
export class Connection implements Channel {
  readonly #address: Address;
  readonly #request: Buffer;
  readonly #events: ChannelEvents;
  readonly #reader = new ResponseReader();
  readonly #buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #socket: Socket | null = null;
  #open = false;
  /** When the request under way was released; null while there is none. */
  #released: number | null = null;

  constructor(address: Address, request: Buffer, events: ChannelEvents) {
    this.#address = address;
    this.#request = request;
    this.#events = events;
  }

  /** When the request under way was released, on the clock of `performance.now()`; null while there is none. */
  get released(): number | null {
    return this.#released;
  }

  /** Sends a request. There must be none under way. */
  send(released: number): void {
    this.#released = released;
    this.#reader.reset();
    // A socket that is still connecting keeps what is written until it is open.
    (this.#socket ?? this.#connect()).write(this.#request);
  }

  /** Gives up the request under way, if there is one, and closes. */
  abandon(reason: string): void {
    this.#disconnect();
    this.#finish({ kind: "failed", reason });
  }

  /** Closes without a word to the owner. */
  close(): void {
    this.#released = null;
    this.#disconnect();
  }

  #connect(): Socket {
    const socket = connect({
      host: this.#address.host,
      port: this.#address.port,
      noDelay: true,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          if (socket === this.#socket) this.#read(this.#buffer.subarray(0, length));
          return true;
        },
      },
    });
    this.#open = false;
    socket.on("connect", () => {
      if (socket === this.#socket) this.#open = true;
    });
    socket.on("end", () => {
      if (socket === this.#socket) this.#ended();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket)
        this.abandon(this.#open ? "connection reset" : `connect: ${error.code ?? error.message}`);
    });
    this.#socket = socket;
    return socket;
  }

  #disconnect(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #read(segment: Buffer): void {
    if (this.#released === null) {
      this.#disconnect();
      return;
    }
    switch (this.#reader.feed(segment)) {
      case "more":
        return;
      case "malformed": {
        this.abandon("malformed response");
        return;
      }
      case "complete":
        if (this.#reader.head?.reusable !== true) this.#disconnect();
        this.#answered();
    }
  }

  #ended(): void {
    if (this.#reader.endsWithConnection && this.#released !== null) {
      this.#disconnect();
      this.#answered();
    } else {
      this.abandon("connection closed");
    }
  }

  #answered(): void {
    const head = this.#reader.head;
    if (head === null) return;
    this.#finish({ kind: "answered", status: head.status, proxyError: head.proxyError });
  }

  #finish(outcome: Outcome): void {
    const released = this.#released;
    if (released === null) return;
    this.#released = null;
    this.#events.finished(this, released, outcome);
  }
}

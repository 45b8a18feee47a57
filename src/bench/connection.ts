import { connect, type Socket } from "node:net";
import type { Address } from "./target.js";
import { ResponseReader } from "./response-reader.js";

/** How a request ended: answered with a status, or not answered, and why. */
export type Outcome =
  | { readonly kind: "answered"; readonly status: number; readonly proxyError: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Why an outcome is not a success: `status 503 (no-endpoints)`, `timeout`; undefined when it is one. */
export function failureOf(outcome: Outcome): string | undefined {
  if (outcome.kind === "failed") return outcome.reason;
  if (outcome.status >= 200 && outcome.status < 300) return undefined;
  return `status ${outcome.status}${outcome.proxyError === "" ? "" : ` (${outcome.proxyError})`}`;
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  /** A request ended. `released` is what `send` was given. The connection can take the next one at once. */
  finished(connection: Connection, released: number, outcome: Outcome): void;
}

const READ_BUFFER_BYTES = 65_536;

/**
 * A client connection that carries one request after the other. It opens itself again when the server has closed it, as
 * clients do; only a request that was under way counts as failed.
 */
export class Connection {
  readonly #address: Address;
  readonly #request: Buffer;
  readonly #events: ConnectionEvents;
  readonly #reader = new ResponseReader();
  readonly #buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #socket: Socket | null = null;
  #open = false;
  /** When the request under way was released; null while there is none. */
  #released: number | null = null;

  constructor(address: Address, request: Buffer, events: ConnectionEvents) {
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

import { connect, type Socket } from "node:net";
import type { ChannelEvents } from "./channel.js";
import { SingleRequestChannel } from "./single-request-channel.js";
import type { Address } from "./target.js";

const READ_BUFFER_BYTES = 65_536;

/** A channel with a connection of its own, which it opens when a request needs one; one that fails takes the request with it. */
export abstract class SocketChannel extends SingleRequestChannel {
  readonly #address: Address;
  readonly #buffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  #socket: Socket | null = null;

  constructor(address: Address, events: ChannelEvents) {
    super(events);
    this.#address = address;
  }

  /** The connection that is open or opening; null while there is none. */
  protected get socket(): Socket | null {
    return this.#socket;
  }

  /** Opens a connection. What is written to it before it is open is kept until then. */
  protected connect(): Socket {
    const socket = connect({
      ...this.#address,
      noDelay: true,
      onread: {
        buffer: this.#buffer,
        callback: (length) => {
          if (socket === this.#socket) this.read(this.#buffer.subarray(0, length));
          return true;
        },
      },
    });
    let isOpen = false;
    socket.on("connect", () => (isOpen = true));
    socket.on("end", () => {
      if (socket === this.#socket) this.ended();
    });
    socket.on("error", ({ code, message }: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.abandon(isOpen ? "connection reset" : `connect: ${code ?? message}`);
    });
    this.#socket = socket;
    return socket;
  }

  protected override letGo(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  /** Takes what has come; the bytes are there until it returns. */
  protected abstract read(bytes: Buffer): void;

  /** Nothing more will come. */
  protected ended(): void {
    this.abandon("connection closed");
  }
}

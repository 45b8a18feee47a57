import { connect, type Socket } from "node:net";
import type { Channel, ChannelEvents } from "./channel.js";
import type { Outcome } from "./outcome.js";
import { addressOf, type Target } from "./target.js";

/** What is sent, and comes back. Its first bytes are those of no protocol that proxies know. */
const MESSAGE = Buffer.alloc(64, "*");
const HEAD_END = "\r\n\r\n";
const ECHOED = { kind: "answered", status: 200, proxyError: "" } as const;

/** Sends a message to a service that sends everything back; a proxy is asked by CONNECT to pass bytes on. */
export class TcpChannel implements Channel {
  readonly #target: Target;
  readonly #events: ChannelEvents;
  #socket: Socket | null = null;
  #released: number | null = null;
  /** What has come of a proxy's answer to CONNECT; null when it is complete, or none is awaited. */
  #head: string | null = null;
  /** Bytes that are still to come back. */
  #left = 0;

  constructor(target: Target, events: ChannelEvents) {
    this.#target = target;
    this.#events = events;
  }

  get released(): number | null {
    return this.#released;
  }

  send(released: number): void {
    this.#released = released;
    this.#left = MESSAGE.length;
    if (this.#socket === null) this.#connect();
    else this.#socket.write(MESSAGE);
  }

  abandon(reason: string): void {
    this.#disconnect();
    this.#finish({ kind: "failed", reason });
  }

  close(): void {
    this.#released = null;
    this.#disconnect();
  }

  /** Opens a connection; the message goes as soon as the way is free. */
  #connect(): void {
    const socket = connect({ ...addressOf(this.#target), noDelay: true });
    this.#socket = socket;
    const whileOurs =
      <A extends unknown[]>(act: (...args: A) => void) =>
      (...args: A) => {
        if (socket === this.#socket) act(...args);
      };
    let isOpen = false;
    socket.on("connect", () => (isOpen = true));
    socket.on(
      "data",
      whileOurs((bytes: Buffer) => this.#read(bytes)),
    );
    socket.on(
      "end",
      whileOurs(() => this.abandon("connection closed")),
    );
    socket.on(
      "error",
      whileOurs(({ code, message }: NodeJS.ErrnoException) =>
        this.abandon(isOpen ? "connection reset" : `connect: ${code ?? message}`),
      ),
    );
    if (this.#target.proxy === null) {
      socket.write(MESSAGE);
      return;
    }
    const { hostname, port } = new URL(this.#target.url);
    const authority = `${hostname}:${port || "80"}`;
    this.#head = "";
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  }

  #read(bytes: Buffer): void {
    if (this.#head !== null) {
      this.#head += bytes.toString("latin1");
      if (this.#head.includes(HEAD_END)) this.#connected(this.#head);
      return;
    }
    this.#left -= bytes.length;
    if (this.#left < 0) this.abandon("more came back than was sent");
    else if (this.#left === 0) this.#finish(ECHOED);
  }

  /** The proxy has answered; nobody has sent anything through it yet. */
  #connected(head: string): void {
    this.#head = null;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (status >= 200 && status < 300) {
      this.#socket?.write(MESSAGE);
      return;
    }
    const proxyError = /\r\nmesh-proxy-error:[ \t]*([^\r]*)\r\n/i.exec(head)?.[1]?.trim() ?? "";
    this.#disconnect();
    this.#finish({ kind: "answered", status, proxyError });
  }

  #disconnect(): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#head = null;
  }

  #finish(outcome: Outcome): void {
    const released = this.#released;
    if (released === null) return;
    this.#released = null;
    this.#events.finished(this, released, outcome);
  }
}

import type { ChannelEvents } from "./channel.js";
import { SocketChannel } from "./socket-channel.js";
import { addressOf, type Target } from "./target.js";

/** What is sent, and comes back. Its first bytes are those of no protocol that proxies know. */
const MESSAGE = Buffer.alloc(64, "*");
const HEAD_END = "\r\n\r\n";
const ECHOED = { kind: "answered", status: 200, proxyError: "" } as const;

/** Sends a message to a service that sends everything back; a proxy is asked by CONNECT to pass bytes on. */
export class TcpChannel extends SocketChannel {
  readonly #target: Target;
  /** What has come of a proxy's answer to CONNECT; null when it is complete, or none is awaited. */
  #head: string | null = null;
  /** Bytes that are still to come back. */
  #left = 0;

  constructor(target: Target, events: ChannelEvents) {
    super(addressOf(target), events);
    this.#target = target;
  }

  /** The message goes as soon as the way is free. */
  protected override start(): void {
    this.#left = MESSAGE.length;
    const isOpen = this.socket !== null;
    const socket = this.socket ?? this.connect();
    if (isOpen || this.#target.proxy === null) {
      socket.write(MESSAGE);
      return;
    }
    const { hostname, port } = new URL(this.#target.url);
    const authority = `${hostname}:${port || "80"}`;
    this.#head = "";
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  }

  protected override read(bytes: Buffer): void {
    if (this.#head !== null) {
      this.#head += bytes.toString("latin1");
      if (this.#head.includes(HEAD_END)) this.#connected(this.#head);
      return;
    }
    this.#left -= bytes.length;
    if (this.#left < 0) this.abandon("more came back than was sent");
    else if (this.#left === 0) this.finish(ECHOED);
  }

  protected override letGo(): void {
    super.letGo();
    this.#head = null;
  }

  /** The proxy has answered; nobody has sent anything through it yet. */
  #connected(head: string): void {
    this.#head = null;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (status >= 200 && status < 300) {
      this.socket?.write(MESSAGE);
      return;
    }
    const proxyError = /\r\nmesh-proxy-error:[ \t]*([^\r]*)\r\n/i.exec(head)?.[1]?.trim() ?? "";
    this.letGo();
    this.finish({ kind: "answered", status, proxyError });
  }
}

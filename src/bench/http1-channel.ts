import type { ChannelEvents } from "./channel.js";
import { ResponseReader } from "./response-reader.js";
import { SocketChannel } from "./socket-channel.js";
import { addressOf, requestTo, type Target } from "./target.js";

/**
 * A client connection that carries one request of HTTP/1 after the other. It opens itself again when the server has closed it, as
 * clients do; only a request that was under way counts as failed.
 */
export class Http1Channel extends SocketChannel {
  readonly #request: Buffer;
  readonly #reader = new ResponseReader();

  constructor(target: Target, events: ChannelEvents) {
    super(addressOf(target), events);
    this.#request = requestTo(target);
  }

  protected override start(): void {
    this.#reader.reset();
    (this.socket ?? this.connect()).write(this.#request);
  }

  protected override read(bytes: Buffer): void {
    if (this.released === null) {
      this.letGo();
      return;
    }
    switch (this.#reader.feed(bytes)) {
      case "more":
        return;
      case "malformed": {
        this.abandon("malformed response");
        return;
      }
      case "complete":
        if (this.#reader.head?.reusable !== true) this.letGo();
        this.#answered();
    }
  }

  protected override ended(): void {
    if (!this.#reader.endsWithConnection || this.released === null) {
      super.ended();
      return;
    }
    this.letGo();
    this.#answered();
  }

  #answered(): void {
    const head = this.#reader.head;
    if (head === null) return;
    this.finish({ kind: "answered", status: head.status, proxyError: head.proxyError });
  }
}

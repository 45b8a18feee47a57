import { ChunkedBody } from "./chunked-body.js";

const HEAD_LIMIT = 65_536;
const HEAD_END = "\r\n\r\n";

/** A response's head, as far as a load generator needs it. */
export interface ResponseHead {
  readonly status: number;
  /** The value of `mesh-proxy-error`; empty when the service itself answered. */
  readonly proxyError: string;
  /** Whether the connection can carry another request. */
  readonly reusable: boolean;
}

type Body =
  { kind: "length"; left: number } | { kind: "chunked"; body: ChunkedBody } | { kind: "until-close" };

/**
 * Finds the end of one response to a GET request (RFC 9112, section 6.3), fed in any segments. It looks at nothing else, so
 * that measuring costs little: one reader a connection, reset for each request.
 */
export class ResponseReader {
  #pending: Buffer | null = null;
  #head: ResponseHead | null = null;
  #body: Body | null = null;

  /** Forgets the last response. */
  reset(): void {
    this.#pending = null;
    this.#head = null;
    this.#body = null;
  }

  /** The head of the response that is being read, or was read last; null before it is complete. */
  get head(): ResponseHead | null {
    return this.#head;
  }

  /** Whether the end of the connection is the end of the response. */
  get endsWithConnection(): boolean {
    return this.#body?.kind === "until-close";
  }

  /** Takes the connection's next bytes. Bytes behind the response make it malformed, as nobody asked for more. */
  feed(segment: Buffer): "more" | "complete" | "malformed" {
    let bytes = segment;
    let at = 0;
    while (this.#body === null) {
      if (this.#pending !== null) {
        bytes = Buffer.concat([this.#pending, bytes.subarray(at)]);
        this.#pending = null;
        at = 0;
      }
      const end = bytes.indexOf(HEAD_END, at, "latin1");
      if (end === -1) {
        // A copy: the connection reads every segment into the same buffer.
        this.#pending = Buffer.from(bytes.subarray(at));
        return this.#pending.length > HEAD_LIMIT ? "malformed" : "more";
      }
      const head = bytes.toString("latin1", at, end + 2);
      at = end + HEAD_END.length;
      if (!this.#readHead(head)) return "malformed";
    }
    return this.#readBody(this.#body, bytes, at);
  }

  /** Reads one head; an interim one (1xx) is skipped. False when it is malformed. */
  #readHead(head: string): boolean {
    const statusLine = /^HTTP\/1\.([01]) (\d{3})[ \r]/.exec(head);
    if (statusLine === null) return false;
    const status = Number(statusLine[2]);
    if (status === 101) return false;
    if (status < 200) return true;
    const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i.exec(head)?.[1];
    const chunked = /\r\ntransfer-encoding:[^\r]*chunked[ \t]*\r\n/i.test(head);
    if (status === 204 || status === 304) this.#body = { kind: "length", left: 0 };
    else if (chunked) this.#body = { kind: "chunked", body: new ChunkedBody() };
    else if (length !== undefined) this.#body = { kind: "length", left: Number(length) };
    else this.#body = { kind: "until-close" };
    this.#head = {
      status,
      proxyError: /\r\nmesh-proxy-error:[ \t]*([^\r]*)\r\n/i.exec(head)?.[1]?.trim() ?? "",
      reusable:
        this.#body.kind !== "until-close" &&
        (statusLine[1] === "1"
          ? !/\r\nconnection:[^\r]*\bclose\b/i.test(head)
          : /\r\nconnection:[^\r]*\bkeep-alive\b/i.test(head)),
    };
    return true;
  }

  #readBody(body: Body, bytes: Buffer, at: number): "more" | "complete" | "malformed" {
    switch (body.kind) {
      case "until-close":
        return "more";
      case "length":
        body.left -= bytes.length - at;
        if (body.left > 0) return "more";
        return body.left === 0 ? "complete" : "malformed";
      case "chunked": {
        const end = body.body.feed(bytes, at);
        if (end === "more" || end === "malformed") return end;
        return end === bytes.length ? "complete" : "malformed";
      }
    }
  }
}

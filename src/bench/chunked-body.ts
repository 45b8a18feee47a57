const LINE_LIMIT = 8192;
const CR = 0x0d;
const LF = 0x0a;

/** Finds the end of a body in the chunked transfer coding (RFC 9112, section 7.1), fed in any segments. */
export class ChunkedBody {
  #state: "size" | "data" | "trailer" = "size";
  #line = "";
  /** Bytes of the current chunk's data and of the line end behind it that are still to come. */
  #left = 0;

  /**
   * Takes the body's next bytes from `offset` on. Gives the offset behind the body's last byte, or "more" when the body
   * goes on behind this segment, or "malformed".
   */
  feed(segment: Buffer, offset: number): number | "more" | "malformed" {
    let at = offset;
    while (at < segment.length) {
      if (this.#state === "data") {
        const taken = Math.min(this.#left, segment.length - at);
        at += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#state = "size";
        continue;
      }
      const end = segment.indexOf(LF, at);
      this.#line += segment.toString("latin1", at, end === -1 ? segment.length : end);
      if (this.#line.length > LINE_LIMIT) return "malformed";
      if (end === -1) return "more";
      at = end + 1;
      const line = this.#line.charCodeAt(this.#line.length - 1) === CR ? this.#line.slice(0, -1) : this.#line;
      this.#line = "";
      if (this.#state === "trailer") {
        if (line === "") return at;
      } else {
        const size = /^([0-9a-f]{1,12})[ \t]*(;.*)?$/i.exec(line)?.[1];
        if (size === undefined) return "malformed";
        const bytes = Number.parseInt(size, 16);
        this.#left = bytes + 2;
        this.#state = bytes === 0 ? "trailer" : "data";
      }
    }
    return "more";
  }
}

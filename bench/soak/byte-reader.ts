import type { Readable } from "node:stream";

/** The stream ended, without an error, before what was expected of it. */
export class EndedEarly extends Error {}

const LONGEST_TEXT = 65_536;

/** Reads a stream in the pieces that are asked for, and no faster. */
export class ByteReader {
  #pending: Buffer = Buffer.alloc(0);
  readonly #source: AsyncIterator<Buffer>;

  constructor(source: Readable) {
    // What has been read to its end may still be written to.
    const pieces: AsyncIterable<Buffer> = source.iterator({ destroyOnReturn: false });
    this.#source = pieces[Symbol.asyncIterator]();
  }

  /** What has come, at most `most` bytes; null at the end. */
  async read(most: number): Promise<Buffer | null> {
    if (this.#pending.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#pending = next.value;
    }
    const bytes = this.#pending.subarray(0, most);
    this.#pending = this.#pending.subarray(bytes.length);
    return bytes;
  }

  /** The text up to `end` and with it, a character a byte. */
  async until(end: string): Promise<string> {
    let text = "";
    for (;;) {
      const bytes = await this.read(LONGEST_TEXT);
      if (bytes === null)
        throw new EndedEarly(`the connection ended after ${JSON.stringify(text.slice(-100))}`);
      const before = text.length;
      text += bytes.toString("latin1");
      const found = text.indexOf(end, Math.max(0, before - end.length));
      if (found !== -1) {
        const length = found + end.length;
        this.#pending = Buffer.concat([bytes.subarray(length - before), this.#pending]);
        return text.slice(0, length);
      }
      if (text.length > LONGEST_TEXT) throw new Error(`no ${JSON.stringify(end)} in ${text.length} bytes`);
    }
  }
}

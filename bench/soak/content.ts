import { createCipheriv } from "node:crypto";
import { mix } from "./random.js";

/** A prime, so that no buffer's size divides it: bytes that were moved are wrong ones. */
const CYCLE = 1_048_573;

/** The longest piece that is given at once. */
export const PIECE = 65_536;

/** How the content of one end differs from that of the other. */
export interface ContentOptions {
  /** One byte of a cycle is wrong: what a soak that can fail notices. */
  readonly hasWrongByte?: boolean;
}

/**
 * The bytes of every body of a soak. Both ends know each body by its key, so that every byte is compared with what it must
 * be when it comes, and not one has to be kept.
 */
export class Content {
  /** One cycle of pseudo-random bytes, and the beginning of the next. */
  readonly #bytes: Buffer;

  constructor(seed: number, { hasWrongByte = false }: ContentOptions = {}) {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(seed);
    const cycle = createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(CYCLE));
    if (hasWrongByte) cycle.writeUInt8(cycle.readUInt8(0) ^ 1, 0);
    this.#bytes = Buffer.concat([cycle, cycle.subarray(0, PIECE)]);
  }

  /** The bytes of body `key` from `at` on: `length` of them, or a piece's worth. */
  piece(key: number, at: number, length: number): Buffer {
    const start = (mix(key) + at) % CYCLE;
    return this.#bytes.subarray(start, start + Math.min(length, PIECE));
  }

  /** Whether these are the bytes of body `key` from `at` on. */
  matches(key: number, at: number, bytes: Buffer): boolean {
    let checked = 0;
    while (checked < bytes.length) {
      const expected = this.piece(key, at + checked, bytes.length - checked);
      if (!expected.equals(bytes.subarray(checked, checked + expected.length))) return false;
      checked += expected.length;
    }
    return true;
  }
}

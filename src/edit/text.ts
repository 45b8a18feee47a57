import { Failure } from "../output/index.js";

/** What is larger could not be held in memory with all that is made of it. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Gathers an input's bytes. @throws Failure when they are too many */
export async function gather(chunks: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const gathered: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MOST_BYTES) {
      throw new Failure(`${name} has more than ${MOST_BYTES / 1024 / 1024} MiB`, {
        hint: "the same in several files",
      });
    }
    gathered.push(chunk);
  }
  return Buffer.concat(gathered);
}

/** The text of an input, of which not one byte is lost. @throws Failure when it is not UTF-8, as YAML and JSON are */
export function decode(bytes: Buffer, name: string): string {
  if (/^(?:\xff\xfe|\xfe\xff)/.test(bytes.toString("latin1", 0, 2))) {
    throw new Failure(`${name} is UTF-16`, { hint: "the same file in UTF-8" });
  }
  const zero = bytes.indexOf(0);
  if (zero !== -1) throw new Failure(`${name} is no text: byte ${zero + 1} is 0`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure(`${name} is no UTF-8 text`);
  }
}

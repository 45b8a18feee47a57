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

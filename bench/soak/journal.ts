import { createWriteStream, type WriteStream } from "node:fs";

/** Notes what has happened now. */
export type Note = (what: string) => void;

/** A file of what happens in a soak, a line each with its time: faults, what went wrong, and all that the programs log. */
export class Journal {
  readonly #file: WriteStream;

  constructor(path: string) {
    this.#file = createWriteStream(path);
  }

  readonly note: Note = (what) => void this.#file.write(`${new Date().toISOString()} ${what}\n`);

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }
}

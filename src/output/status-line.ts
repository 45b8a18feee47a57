/** Where a status line is shown: process.stderr is such a stream. */
export interface StatusStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): boolean;
}

const CLEAR_LINE = "\r\x1b[K";

/** One line on a terminal that says what is going on; nothing where nobody watches. */
export class StatusLine {
  readonly #stream: StatusStream | null;

  constructor(stream: StatusStream = process.stderr) {
    this.#stream = stream.isTTY === true ? stream : null;
  }

  /** Shows the line instead of the one before. */
  show(text: string): void {
    this.#stream?.write(`${CLEAR_LINE}${text}`);
  }

  /** Takes the line away. */
  clear(): void {
    this.#stream?.write(CLEAR_LINE);
  }
}

import { type Colours, coloursFor } from "./colours.js";

/** A stream that a printer writes to: process.stdout and process.stderr are. */
export interface PrintStream {
  isTTY?: boolean | undefined;
  write(text: string): boolean;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** Where a command prints: what was asked for on standard output, everything else on standard error. */
export class Printer {
  /** Whether a person watches standard output. */
  readonly interactive: boolean;
  /** For what goes to standard output. */
  readonly colours: Colours;
  readonly #gone = new AbortController();
  readonly #out: PrintStream;
  readonly #err: PrintStream;

  constructor(
    out: PrintStream = process.stdout,
    err: PrintStream = process.stderr,
    env: Readonly<Record<string, string | undefined>> = process.env,
  ) {
    this.#out = out;
    this.#err = err;
    this.interactive = out.isTTY === true;
    this.colours = coloursFor(out, env);
    for (const stream of [out, err]) {
      stream.on("error", (error) => {
        if (error.code !== "EPIPE") throw error;
        if (stream === out) this.#gone.abort();
      });
    }
  }

  /** Aborted when the reader of standard output has gone (`| head`). A command that prints for long ends then, with 0. */
  get readerGone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Prints lines on standard output. */
  print(text: string): void {
    this.write(`${text}\n`);
  }

  /** Prints lines on standard error: sentences about the figures, progress, warnings. */
  note(text: string): void {
    this.#err.write(`${text}\n`);
  }

  /** Writes to standard output as it is. */
  write(text: string): void {
    if (!this.#gone.signal.aborted) this.#out.write(text);
  }
}

import { formatDuration } from "../output/index.js";
import type { BenchProgress } from "./run-bench.js";

/** Where a progress line is shown: process.stderr is such a stream. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): boolean;
}

const CLEAR_LINE = "\r\x1b[K";

/** One line on a terminal that says what a bench is doing; nothing where nobody watches. */
export class ProgressLine {
  readonly #stream: ProgressStream | null;

  constructor(stream: ProgressStream) {
    this.#stream = stream.isTTY === true ? stream : null;
  }

  /** Shows the line instead of the one before. */
  show({ target, phase, round, rounds, secondsLeft }: BenchProgress): void {
    const step = phase === "warm-up" ? "warming up" : `round ${round} of ${rounds}, ${phase}`;
    this.#stream?.write(`${CLEAR_LINE}${step}: ${target} (${formatDuration(secondsLeft)} left)`);
  }

  /** Takes the line away. */
  clear(): void {
    this.#stream?.write(CLEAR_LINE);
  }
}

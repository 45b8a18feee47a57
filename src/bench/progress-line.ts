import { formatDuration, StatusLine, type StatusStream } from "../output/index.js";
import type { BenchProgress } from "./measure.js";

/** One line on a terminal that says what a bench is doing; nothing where nobody watches. */
export class ProgressLine {
  readonly #line: StatusLine;

  constructor(stream: StatusStream) {
    this.#line = new StatusLine(stream);
  }

  /** Shows the line instead of the one before. */
  show({ target, phase, round, rounds, secondsLeft }: BenchProgress): void {
    const step = phase === "warm-up" ? "warming up" : `round ${round} of ${rounds}, ${phase}`;
    this.#line.show(`${step}: ${target} (${formatDuration(secondsLeft)} left)`);
  }

  /** Shows what is waited for, instead of the line before. */
  showWait(what: string): void {
    this.#line.show(what);
  }

  /** Takes the line away. */
  clear(): void {
    this.#line.clear();
  }
}

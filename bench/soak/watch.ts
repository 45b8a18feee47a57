import { setTimeout as sleep } from "node:timers/promises";

/** A task of which nothing moved for so long is stuck. */
const STUCK_MS = 30_000;

/** Thrown by what waits in a task that was given up. */
export class GivenUp extends Error {}

/** Follows how a task gets on, and gives it up when it does not. */
export class Watch {
  /** Bytes that the client sent and received. */
  up = 0;
  down = 0;
  readonly startedAt = performance.now();
  readonly #givenUp = new AbortController();
  #movedAt = performance.now();

  /** Aborted when the task is given up. */
  get signal(): AbortSignal {
    return this.#givenUp.signal;
  }

  get isStuck(): boolean {
    return performance.now() - this.#movedAt > STUCK_MS;
  }

  /** Says that something happened. */
  moved(): void {
    this.#movedAt = performance.now();
  }

  sent(bytes: number): void {
    this.up += bytes;
    this.moved();
  }

  received(bytes: number): void {
    this.down += bytes;
    this.moved();
  }

  /** Ends the task, whatever it waits for. */
  giveUp(): void {
    this.#givenUp.abort(new GivenUp());
  }

  /** For so many milliseconds; rejects when the task is given up. */
  async pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.signal });
    this.moved();
  }
}

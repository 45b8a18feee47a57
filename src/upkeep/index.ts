import { setTimeout as sleep } from "node:timers/promises";
import type { Result } from "../result/index.js";

/** After what failed. */
const TRY_AGAIN_MS = 2_000;

/** Something that must be looked after again and again. */
export interface Task {
  /** How long until it is looked after again when all is well. */
  readonly everyMs: number;
  /** Looks after it; the error says what is wrong. */
  lookAfter(): Promise<Result<undefined>>;
  /** Told of what is wrong once, however often the same fails again. */
  failed(message: string): void;
}

/** A task that is looked after. */
export interface Upkeep {
  /** Something has changed: looks after it now, and once more where that is being done. */
  hasten(): void;
  /** Resolves when what was being done has ended; nothing is begun after this. */
  stop(): Promise<void>;
}

/** Looks after a task at once and from then on, until it is stopped; sooner again when it failed. */
export function keepUp(task: Task): Upkeep {
  const end = new AbortController();
  const haste = new Haste();
  const done = run(task, end.signal, haste);
  return {
    hasten: () => haste.ask(),
    async stop() {
      end.abort();
      await done;
    },
  };
}

/** Whether somebody has asked not to wait. */
class Haste {
  #asked = new AbortController();

  ask(): void {
    this.#asked.abort();
  }

  /** Aborted as soon as somebody asks after this. */
  fromNow(): AbortSignal {
    this.#asked = new AbortController();
    return this.#asked.signal;
  }
}

async function run(task: Task, signal: AbortSignal, haste: Haste): Promise<void> {
  let told: string | undefined;
  while (!signal.aborted) {
    const asked = haste.fromNow();
    const outcome = await task.lookAfter();
    const failure = outcome.ok ? undefined : outcome.error;
    if (failure !== undefined && failure !== told) task.failed(failure);
    told = failure;
    const pause = outcome.ok ? task.everyMs : TRY_AGAIN_MS;
    const hurried = AbortSignal.any([signal, asked]);
    await sleep(pause, undefined, { signal: hurried, ref: false }).catch(() => undefined);
  }
}

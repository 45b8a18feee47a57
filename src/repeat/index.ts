import { setTimeout as sleep } from "node:timers/promises";

/** Something that is done again and again. */
export interface Repeated {
  /** Resolves when what was being done has ended; nothing is begun after this. */
  stop(): Promise<void>;
}

/** Does something at once and then again and again; `step` says in how many milliseconds the next time is. */
export function repeat(step: () => Promise<number>): Repeated {
  const end = new AbortController();
  const done = (async () => {
    while (!end.signal.aborted) {
      const pause = await step();
      await sleep(pause, undefined, { signal: end.signal, ref: false }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      end.abort();
      await done;
    },
  };
}

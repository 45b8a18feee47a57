import { performance } from "node:perf_hooks";
import { channelsTo } from "./channel.js";
import { failureOf, type Outcome } from "./outcome.js";
import type { Target } from "./target.js";

/** Sends a target one request. Undefined when it answered with 2xx; otherwise what it did instead. */
export async function probe(target: Target, timeoutMs: number): Promise<string | undefined> {
  const outcome = await new Promise<Outcome>((resolve) => {
    const [channel] = channelsTo(target, 1, {
      finished: (finished, _released, ended) => {
        clearTimeout(timer);
        finished.close();
        resolve(ended);
      },
    });
    const timer = setTimeout(() => channel?.abandon("timeout"), timeoutMs);
    channel?.send(performance.now());
  });
  return failureOf(outcome);
}

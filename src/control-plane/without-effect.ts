import type { Policies } from "../catalog/index.js";
import { describeWithoutEffect } from "../mesh-kinds/index.js";
import type { Log } from "./log.js";

/** Changes come in bursts, at the start above all. */
const BURST_MS = 1_000;

/** Says in the log which resources have no effect, all of them in one line, whenever these are others. Returns what ends that. */
export function logWithoutEffect(policies: Policies, log: Log): () => void {
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    timer = undefined;
    const now = describeWithoutEffect(policies.withoutEffect());
    if (now !== undefined && now !== told) log.warn(now);
    told = now;
  };
  const changed = () => (timer ??= setTimeout(tell, BURST_MS));
  policies.on("changed", changed);
  return () => {
    policies.off("changed", changed);
    clearTimeout(timer);
  };
}

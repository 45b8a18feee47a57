import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../output/index.js";
import { probe } from "./probe.js";
import type { Target } from "./target.js";

const PROBE_MS = 1000;
const POLL_MS = 50;

/** Asks a target until it answers with 2xx. @throws Failure when it takes too long, or when `signal` aborts */
export async function untilAnswered(target: Target, withinMs: number, signal: AbortSignal): Promise<void> {
  const limit = Date.now() + withinMs;
  for (;;) {
    if (signal.aborted) throw new Failure("interrupted");
    const failure = await probe(target, PROBE_MS);
    if (failure === undefined) return;
    if (Date.now() > limit) throw new Failure(`${target.name} does not answer: ${failure}`);
    await sleep(POLL_MS);
  }
}

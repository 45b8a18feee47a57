import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { LoadGenerator } from "./load-generator.js";
import type { LoadResult } from "./load.js";
import type { LoadSettings, Round } from "./report.js";
import type { Target } from "./target.js";

/** What a bench is doing. */
export interface BenchProgress {
  readonly target: string;
  readonly phase: "warm-up" | "throughput" | "latency";
  /** From 1; 0 while warming up. */
  readonly round: number;
  readonly rounds: number;
  /** Estimated, of the whole bench. */
  readonly secondsLeft: number;
}

const REQUEST_TIMEOUT_MS = 5000;
const WARM_UP_MS = 1000;

/** What the rounds found of a target. */
export type Measured = { readonly target: Target; readonly rounds: readonly Round[] };

/**
 * Loads the targets, which take turns (A B C A B C ...), first at saturation and then at the rate, in every round, so that a
 * noisy machine hurts all alike. The load generator has ended when it resolves, also when `signal` aborts.
 */
export async function measureTargets(
  targets: readonly Target[],
  settings: LoadSettings,
  onProgress: (progress: BenchProgress) => void,
  signal: AbortSignal,
): Promise<Result<readonly Measured[], Failure>> {
  const generator = new LoadGenerator();
  try {
    return await takeTurns(targets, settings, generator, onProgress, signal);
  } finally {
    await generator.stop();
  }
}

async function takeTurns(
  targets: readonly Target[],
  settings: LoadSettings,
  generator: LoadGenerator,
  onProgress: (progress: BenchProgress) => void,
  signal: AbortSignal,
): Promise<Result<readonly Measured[], Failure>> {
  const results: LoadResult[] = [];
  let leftMs = durationOf(targets, settings);
  for (const { target, phase, round, durationMs } of stepsOf(targets, settings)) {
    onProgress({ target: target.name, phase, round, rounds: settings.rounds, secondsLeft: leftMs / 1000 });
    const result = await generator.run(
      {
        target,
        connections: settings.connections,
        rate: phase === "latency" ? settings.rate : null,
        durationMs,
        timeoutMs: REQUEST_TIMEOUT_MS,
      },
      signal,
    );
    if (!result.ok) return fail(new Failure(result.error));
    if (phase !== "warm-up") results.push(result.value);
    leftMs -= durationMs;
  }
  return ok(byTarget(targets, settings.rounds, results));
}

interface Step {
  readonly target: Target;
  readonly phase: BenchProgress["phase"];
  readonly round: number;
  readonly durationMs: number;
}

function stepsOf(targets: readonly Target[], { rounds, durationMs }: LoadSettings): readonly Step[] {
  const turn = (phase: Step["phase"], round: number, time: number) =>
    targets.map((target): Step => ({ target, phase, round, durationMs: time }));
  const measured = Array.from({ length: rounds }, (_, index) => [
    ...turn("throughput", index + 1, durationMs),
    ...turn("latency", index + 1, durationMs),
  ]);
  return [...turn("warm-up", 0, Math.min(WARM_UP_MS, durationMs)), ...measured.flat()];
}

/** Takes the results, which are in the order of the steps, apart again. */
function byTarget(
  targets: readonly Target[],
  rounds: number,
  results: readonly LoadResult[],
): readonly Measured[] {
  return targets.map((target, place) => ({
    target,
    rounds: Array.from({ length: rounds }, (_, round) => round * 2 * targets.length).flatMap((first) => {
      const [saturated, paced] = [results[first + place], results[first + targets.length + place]];
      return saturated === undefined || paced === undefined ? [] : [{ saturated, paced }];
    }),
  }));
}

/** How long all the measurements take, in ms. */
export function durationOf(targets: readonly Target[], settings: LoadSettings): number {
  return stepsOf(targets, settings).reduce((sum, { durationMs }) => sum + durationMs, 0);
}

import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { givenService, type GivenService } from "./given-service.js";
import { LoadGenerator } from "./load-generator.js";
import type { LoadResult } from "./load.js";
import { thisMachine } from "./machine.js";
import { probe } from "./probe.js";
import { reportOn, type BenchReport, type LoadSettings, type Round } from "./report.js";
import type { Scenario } from "./scenario.js";
import { startSidecars } from "./sidecars.js";
import type { Target } from "./target.js";

/** What to measure, and how. */
export interface BenchOptions extends LoadSettings {
  /** The user's own service; null for one that the bench starts, with sidecars and a control plane. */
  readonly service: GivenService | null;
}

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

/**
 * Compares direct calls with calls through sidecars. The targets take turns (A B C A B C ...), first at saturation and then
 * at the rate, in every round, so that a noisy machine hurts all alike. Everything it starts has ended when it resolves, also
 * when `signal` aborts.
 */
export async function runBench(
  options: BenchOptions,
  onProgress: (progress: BenchProgress) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<BenchReport, Failure>> {
  const machine = thisMachine();
  const scenario = options.service === null ? await startSidecars(signal) : ok(givenService(options.service));
  if (!scenario.ok) return scenario;
  const generator = new LoadGenerator();
  try {
    const unreachable = await firstUnreachable(scenario.value, options.service !== null);
    if (unreachable !== undefined) return fail(unreachable);
    const rounds = await measure(scenario.value.targets, options, generator, onProgress, signal);
    return rounds.ok ? ok(reportOn(machine, options, rounds.value)) : rounds;
  } finally {
    await Promise.all([generator.stop(), scenario.value.stop()]);
  }
}

const ANSWERS_BOTH_WAYS =
  "a URL that answers directly and through the proxy; its host is a name that this machine resolves and the mesh knows";

/** Asks each target once, so that a wrong address is told at once and not after minutes. */
async function firstUnreachable({ targets }: Scenario, isGiven: boolean): Promise<Failure | undefined> {
  for (const target of targets) {
    const failure = await probe(target, REQUEST_TIMEOUT_MS);
    if (failure === undefined) continue;
    const way = target.proxy === null ? "" : ` through ${target.proxy.host}:${target.proxy.port}`;
    const message = `${target.url}${way} did not answer with 2xx: ${failure}`;
    return new Failure(message, isGiven ? { hint: ANSWERS_BOTH_WAYS } : {});
  }
  return undefined;
}

type Measured = { readonly target: Target; readonly rounds: readonly Round[] };

async function measure(
  targets: readonly Target[],
  settings: LoadSettings,
  generator: LoadGenerator,
  onProgress: (progress: BenchProgress) => void,
  signal: AbortSignal,
): Promise<Result<readonly Measured[], Failure>> {
  const steps = stepsOf(targets, settings);
  const results: LoadResult[] = [];
  let leftMs = steps.reduce((sum, step) => sum + step.durationMs, 0);
  for (const { target, phase, round, durationMs } of steps) {
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

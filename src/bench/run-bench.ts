import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { givenService, type GivenService } from "./given-service.js";
import { thisMachine } from "./machine.js";
import { type BenchProgress, measureTargets } from "./measure.js";
import { probe } from "./probe.js";
import { reportOn, type BenchReport, type LoadSettings } from "./report.js";
import type { Scenario } from "./scenario.js";
import { startSidecars } from "./sidecars.js";

/** What to measure, and how. */
export interface BenchOptions extends LoadSettings {
  /** The user's own service; null for one that the bench starts, with sidecars and a control plane. */
  readonly service: GivenService | null;
}

const REQUEST_TIMEOUT_MS = 5000;

/** Compares direct calls with calls through sidecars, all on this machine. Everything it starts has ended when it resolves, also when `signal` aborts. */
export async function runBench(
  options: BenchOptions,
  onProgress: (progress: BenchProgress) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<BenchReport, Failure>> {
  const machine = thisMachine();
  const scenario =
    options.service === null ? await startSidecars(options, signal) : ok(givenService(options.service));
  if (!scenario.ok) return scenario;
  try {
    const unreachable = await firstUnreachable(scenario.value, options.service !== null);
    if (unreachable !== undefined) return fail(unreachable);
    const rounds = await measureTargets(scenario.value.targets, options, onProgress, signal);
    return rounds.ok ? ok(reportOn(machine, options, rounds.value)) : rounds;
  } finally {
    await scenario.value.stop();
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

import { setTimeout as sleep } from "node:timers/promises";
import { startBackend } from "../../proxies/backend.js";
import { LOAD_CORE, moveTo } from "../../proxies/cores.js";
import { type Disturbance, watchMachine } from "../../proxies/disturbance.js";
import { pace, paceRequests } from "../../proxies/load.js";
import { floorProgram } from "../../proxies/peers.js";
import type { RunningRow } from "../../proxies/row.js";
import { SECURE_MEASUREMENTS } from "../../proxies/secure-measurements.js";
import { prepareStages } from "../../proxies/stages.js";
import { traceKernel } from "./kernel-trace.js";
import { observe, type Observation } from "./observation.js";

/** How the slowest requests are looked for. */
export interface TailSettings {
  readonly seconds: number;
  readonly rounds: number;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Told before each run of the load. */
  readonly onStep: (step: string) => void;
}

/** What was seen of a row in one round. */
export interface RoundOfRow extends Observation {
  readonly row: string;
  readonly disturbance: Disturbance;
}

/** So that each proxy has its connections. */
const WARM_UP_SECONDS = 2;
const SETTLE_MS = 500;

/** Sends requests at the fixed rate directly, through two relays that understand nothing, and through pairs of proxies with mTLS, in turns. */
export async function measureTails(settings: TailSettings): Promise<readonly RoundOfRow[]> {
  const { directory, rounds, onStep } = settings;
  await moveTo(LOAD_CORE, process.pid);
  const backend = await startBackend(directory);
  const running: { readonly name: string; readonly row: RunningRow }[] = [];
  const stages = await prepareStages({
    against: "peers",
    measurements: SECURE_MEASUREMENTS,
    programs: { envoy: undefined, floor: floorProgram() },
    directory,
    backend,
  });
  const found: RoundOfRow[] = [];
  try {
    for (const row of stages.stages.flatMap(({ rows }) => rows)) {
      running.push({ name: row.name, row: await row.start() });
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const { name, row } of running) {
        onStep(`round ${round} of ${rounds}: ${name}`);
        found.push({ row: name, ...(await measureTail(row, backend.port, settings)) });
      }
    }
    return found;
  } finally {
    await Promise.all(running.map(({ row }) => row.stop()));
    await stages.stop();
    await backend.stop();
  }
}

async function measureTail(
  row: RunningRow,
  backendPort: number,
  { seconds, directory, signal }: TailSettings,
): Promise<Observation & { disturbance: Disturbance }> {
  const { port, innerPort } = row;
  const ports = innerPort === undefined ? [backendPort] : [port, innerPort, backendPort];
  await pace({ port, seconds: WARM_UP_SECONDS, directory }, signal);
  await sleep(SETTLE_MS, undefined, { signal });
  const { result, happenings } = await traceKernel(seconds, ports, async () => {
    const disturbed = watchMachine();
    const requests = await paceRequests({ port, seconds, directory }, signal);
    return { requests, disturbance: disturbed() };
  });
  return { ...observe(result.requests, happenings, ports), disturbance: result.disturbance };
}

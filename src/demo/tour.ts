import { setTimeout as sleep } from "node:timers/promises";
import { readBenchSettings, renderTable, runBench } from "../bench/index.js";
import type { ControlPlaneClient } from "../client/index.js";
import { Failure, type Printer, type StatusLine } from "../output/index.js";
import { showStat } from "../stat/index.js";
import { showTap } from "../tap/index.js";
import type { DemoMesh } from "./demo-mesh.js";
import { excerptPrinter } from "./excerpt.js";
import type { Guide } from "./guide.js";
import { prove } from "./proof.js";
import type { Traffic } from "./traffic.js";

/** What the tour is given with. */
export interface Stage {
  mesh: DemoMesh;
  client: ControlPlaneClient;
  traffic: Traffic;
  guide: Guide;
  printer: Printer;
  status: StatusLine;
  signal: AbortSignal;
}

const ANSWERS_WITHIN_MS = 15_000;
const REQUESTS_PER_SECOND = 20;
/** Enough for the control plane to have read the sidecars' counters more than twice. */
const TRAFFIC_MS = 6_000;
/** Slow enough for one request to have ended before the next begins. */
const TAPPED_REQUESTS_PER_SECOND = 2;
/** One request: into hello and out of it, and for each its head, its response's head and its end. */
const TAPPED_LINES = 6;
const TAPPED_WITHIN_MS = 10_000;

/**
 * Shows the mesh at work, from the first request to what it costs.
 * @throws Failure when requests failed, or did not go through the sidecars
 */
export async function takeTour(stage: Stage, version: string): Promise<void> {
  await untilAnswered(stage);
  stage.guide.introduce(version);
  await tourTraffic(stage);
  await tourStat(stage);
  await tourTap(stage);
  await tourBench(stage);
}

/** The control plane tells the sidecars of a changed directory within a second; until then, hello finds no world. */
async function untilAnswered({ traffic, status, signal }: Stage): Promise<void> {
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    const failure = await traffic.ask();
    if (failure === undefined) break;
    if (Date.now() > deadline)
      throw new Failure(`hello did not answer within 15 s; the last try got ${failure}`);
    await sleep(50, undefined, { signal });
  }
  status.clear();
}

async function tourTraffic({ mesh, traffic, guide, status, signal }: Stage): Promise<void> {
  traffic.flow(REQUESTS_PER_SECOND);
  const end = Date.now() + TRAFFIC_MS;
  while (Date.now() < end) {
    const { succeeded, failed } = traffic.count;
    const secondsLeft = Math.ceil((end - Date.now()) / 1000);
    status.show(`sending requests to hello: ${succeeded} answered, ${failed} failed (${secondsLeft} s left)`);
    await sleep(100, undefined, { signal });
  }
  status.clear();
  guide.tellTraffic(REQUESTS_PER_SECOND, await prove(traffic.count, mesh));
}

async function tourStat({ client, guide, printer }: Stage): Promise<void> {
  guide.tellStat();
  const question = {
    resource: { type: "workload" },
    namespace: "default",
    windowSeconds: 60,
    output: "table",
  } as const;
  await showStat(client, question, excerptPrinter(printer));
}

async function tourTap({ client, traffic, guide, printer, signal }: Stage): Promise<void> {
  guide.tellTap();
  traffic.flow(TAPPED_REQUESTS_PER_SECOND);
  let lines = 0;
  const enough = new AbortController();
  const excerpt = excerptPrinter(printer, () => {
    if (++lines === TAPPED_LINES) enough.abort();
  });
  const question = {
    target: { type: "workload", name: "hello" },
    namespace: "default",
    maxRps: 100,
    output: "line",
  } as const;
  const until = AbortSignal.any([signal, enough.signal, AbortSignal.timeout(TAPPED_WITHIN_MS)]);
  await showTap(client, question, excerpt, until);
  traffic.pause();
  if (lines < TAPPED_LINES) throw new Failure("mesh tap did not see the requests that were sent");
}

async function tourBench({ guide, status, signal }: Stage): Promise<void> {
  const plan = readBenchSettings({ rounds: "1", duration: "1s" });
  if (!plan.ok) throw plan.error;
  const result = await runBench(
    plan.value.options,
    ({ target, phase, secondsLeft }) =>
      status.show(`measuring ${target}, ${phase} (${Math.ceil(secondsLeft)} s left)`),
    signal,
  );
  status.clear();
  if (!result.ok) throw result.error;
  guide.tellBench(renderTable(result.value));
}

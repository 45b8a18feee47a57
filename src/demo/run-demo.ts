import { setTimeout as sleep } from "node:timers/promises";
import { readBenchSettings, renderTable, runBench } from "../bench/index.js";
import { Failure, type Printer, StatusLine } from "../output/index.js";
import { type DemoMesh, startDemoMesh } from "./demo-mesh.js";
import { Guide } from "./guide.js";
import { prove } from "./proof.js";
import { Traffic } from "./traffic.js";

/** What a demo is asked for. */
export interface DemoOptions {
  version: string;
  /** Whether it stays, with a little traffic, until `signal` is aborted. */
  stays: boolean;
  printer: Printer;
  signal: AbortSignal;
}

const REQUESTS_PER_SECOND = 20;
/** Enough for the control plane's scraper to have seen a difference. */
const TRAFFIC_MS = 6_000;
const ANSWERS_WITHIN_MS = 15_000;
const LIGHT_REQUESTS_PER_SECOND = 5;

/**
 * Starts a mesh on this machine, shows it at work, and ends all of it again.
 * @throws Failure when the traffic did not go through the sidecars, or the demo was interrupted before that was known
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const status = new StatusLine();
  status.show("starting a control plane, two services and their sidecars …");
  const mesh = await startDemoMesh(options.version, options.signal);
  const traffic = new Traffic(mesh.hello.address);
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const shown = show(mesh, traffic, status, { ...options, signal });
  try {
    await Promise.race([shown, mesh.broken]);
  } catch (error) {
    throw options.signal.aborted ? new Failure("interrupted before the end") : error;
  } finally {
    end.abort();
    await shown.catch(() => undefined);
    status.clear();
    traffic.stop();
    await mesh.stop();
  }
}

async function show(
  mesh: DemoMesh,
  traffic: Traffic,
  status: StatusLine,
  { version, stays, printer, signal }: DemoOptions,
): Promise<void> {
  const guide = new Guide(printer, mesh);
  await untilAnswered(traffic, signal);
  status.clear();
  guide.introduce(version);

  traffic.flow(REQUESTS_PER_SECOND);
  await watch(traffic, status, signal);
  guide.tellTraffic(REQUESTS_PER_SECOND, await prove(traffic.count, mesh));

  traffic.pause();
  await showBench(guide, status, signal);
  guide.tellNext(stays);
  if (stays) {
    traffic.flow(LIGHT_REQUESTS_PER_SECOND);
    await aborted(signal);
  }
}

/** The control plane tells the sidecars of a changed directory within a second; until then, hello finds no world. */
async function untilAnswered(traffic: Traffic, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    const failure = await traffic.ask();
    if (failure === undefined) return;
    if (Date.now() > deadline)
      throw new Failure(`hello did not answer within 15 s; the last try got ${failure}`);
    await sleep(50, undefined, { signal });
  }
}

async function watch({ count }: Traffic, status: StatusLine, signal: AbortSignal): Promise<void> {
  const end = Date.now() + TRAFFIC_MS;
  while (Date.now() < end) {
    const secondsLeft = Math.ceil((end - Date.now()) / 1000);
    status.show(
      `sending requests to hello: ${count.succeeded} answered, ${count.failed} failed (${secondsLeft} s left)`,
    );
    await sleep(100, undefined, { signal });
  }
  status.clear();
}

async function showBench(guide: Guide, status: StatusLine, signal: AbortSignal): Promise<void> {
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

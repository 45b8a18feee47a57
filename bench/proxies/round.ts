import { setTimeout as sleep } from "node:timers/promises";
import { BODY_BYTES, BODY_PATH } from "./backend.js";
import { watchMachine, type Disturbance } from "./disturbance.js";
import type { RowFigures } from "./figures.js";
import { holdConnections } from "./http.js";
import { BODY_CONNECTIONS, download, pace, saturate, SATURATING_CONNECTIONS } from "./load.js";
import { treeUsage, type TreeUsage } from "./process-tree.js";
import type { Row, RunningRow } from "./row.js";

/** How many idle keep-alive connections are held. */
export const HELD_CONNECTIONS = 1000;

const SETTLE_MS = 2000;
const SAMPLE_MS = 200;
/** Long enough to have a connection to most of ten thousand endpoints. */
const WARM_UP_SECONDS = 3;
const BYTES_PER_MB = 1e6;

/** How a round measures. */
export interface RoundSettings {
  /** What is measured, apart from the idle rows. */
  readonly steps: readonly Step[];
  /** Of each measurement under load. */
  readonly seconds: number;
  /** For the load generators' files. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Told before each measurement. */
  readonly onStep: (step: string) => void;
}

/** What a round found: the figures of each row by its name, and what disturbed each of its measurements. */
export interface Round {
  readonly figures: Readonly<Record<string, RowFigures>>;
  readonly disturbances: readonly Disturbance[];
}

/**
 * Starts every row anew, and takes one measurement of all of them after the other, so that what disturbs the machine for
 * a while disturbs them alike. A row is measured while the others have nothing to do.
 */
export async function runRound(rows: readonly Row[], settings: RoundSettings): Promise<Round> {
  const measured: MeasuredRow[] = [];
  try {
    for (const row of rows) measured.push(new MeasuredRow(row, await row.start(), settings));
    await sleep(SETTLE_MS, undefined, { signal: settings.signal });
    settings.onStep("idle");
    const idle = watchMachine();
    await Promise.all(measured.map((row) => row.measureIdle()));
    const disturbances = [idle()];
    for (const step of settings.steps) {
      for (const row of measured.filter((one) => one.hasStep(step))) {
        settings.onStep(`${STEP_NAMES[step]}: ${row.name}`);
        const disturbance = watchMachine();
        await row[step]();
        disturbances.push(disturbance());
      }
    }
    return { figures: Object.fromEntries(measured.map((row) => [row.name, row.figures])), disturbances };
  } finally {
    await Promise.all(measured.map((row) => row.stop()));
  }
}

/** What is measured of one row after the other, and how that is called. */
const STEP_NAMES = {
  saturate: "saturation",
  pace: "fixed rate",
  hold: "idle connections",
  carryBodies: "1 MB responses",
  carryBytes: "opaque TCP",
} as const;

/** A measurement under load. */
export type Step = keyof typeof STEP_NAMES;

export const STEPS = Object.keys(STEP_NAMES) as readonly Step[];

/** A row while it is measured. */
class MeasuredRow {
  readonly name: string;
  readonly #running: RunningRow;
  readonly #settings: RoundSettings;
  #figures: RowFigures = {};

  constructor({ name }: Row, running: RunningRow, settings: RoundSettings) {
    this.name = name;
    this.#running = running;
    this.#settings = settings;
  }

  get figures(): RowFigures {
    return this.#figures;
  }

  /** Whether a step finds anything here: the direct call has no memory to look at, and not everyone takes any protocol. */
  hasStep(step: Step): boolean {
    if (step === "hold") return this.#running.pid !== null;
    return step !== "carryBytes" || this.#running.opaquePort !== null;
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  async measureIdle(): Promise<void> {
    const before = this.#usage();
    const { seconds, signal } = this.#settings;
    await sleep(seconds * 1000, undefined, { signal });
    const after = this.#usage();
    if (before === null || after === null) return;
    this.#add({ rssIdle: after.rssBytes, wakeUps: (after.sleeps - before.sleeps) / seconds });
  }

  async saturate(): Promise<void> {
    const { port } = this.#running;
    const { seconds, signal } = this.#settings;
    const load = { port, path: "/", connections: SATURATING_CONNECTIONS };
    await saturate({ ...load, seconds: WARM_UP_SECONDS }, signal);
    const before = this.#usage();
    const highest = this.#watchMemory();
    const { requests, perSecond } = await saturate({ ...load, seconds }, signal);
    const after = this.#usage();
    const rssLoaded = highest();
    this.#add({ throughput: perSecond });
    if (before === null || after === null) return;
    this.#add({
      cpuSaturated: (after.cpuUs - before.cpuUs) / requests,
      userSaturated: (after.userUs - before.userUs) / requests,
      rssLoaded,
    });
  }

  async pace(): Promise<void> {
    const { seconds, directory, signal } = this.#settings;
    const before = this.#usage();
    const { requests, p50, p99 } = await pace({ port: this.#running.port, seconds, directory }, signal);
    const after = this.#usage();
    this.#add({ p50, p99 });
    if (before === null || after === null) return;
    this.#add({ cpuPaced: (after.cpuUs - before.cpuUs) / requests });
  }

  /** Its memory with many idle connections, and after. */
  async hold(): Promise<void> {
    const { signal } = this.#settings;
    const close = await holdConnections(this.#running.port, HELD_CONNECTIONS);
    try {
      await sleep(SETTLE_MS, undefined, { signal });
      this.#add({ rssHeld: this.#usage()?.rssBytes ?? 0 });
    } finally {
      close();
    }
    await sleep(SETTLE_MS, undefined, { signal });
    this.#add({ rssKept: (this.#usage()?.rssBytes ?? 0) - (this.#figures.rssIdle ?? 0) });
  }

  async carryBodies(): Promise<void> {
    const { seconds, signal } = this.#settings;
    const before = this.#usage();
    const { requests, perSecond } = await saturate(
      { port: this.#running.port, path: BODY_PATH, connections: BODY_CONNECTIONS, seconds },
      signal,
    );
    const after = this.#usage();
    this.#add({ bodyThroughput: (perSecond * BODY_BYTES) / BYTES_PER_MB });
    if (before === null || after === null) return;
    this.#add({ bodyCpu: (after.cpuUs - before.cpuUs) / ((requests * BODY_BYTES) / BYTES_PER_MB) });
  }

  async carryBytes(): Promise<void> {
    const { opaquePort } = this.#running;
    if (opaquePort === null) return;
    const { seconds, signal } = this.#settings;
    const before = this.#usage();
    const { bytes, perSecond } = await download({ port: opaquePort, seconds }, signal);
    const after = this.#usage();
    this.#add({ opaqueThroughput: perSecond / BYTES_PER_MB });
    if (before === null || after === null) return;
    this.#add({ opaqueCpu: (after.cpuUs - before.cpuUs) / (bytes / BYTES_PER_MB) });
  }

  #add(figures: RowFigures): void {
    this.#figures = { ...this.#figures, ...figures };
  }

  #usage(): TreeUsage | null {
    return this.#running.pid === null ? null : treeUsage(this.#running.pid);
  }

  /** Looks at its memory now and then; the function that it gives ends that, and tells the highest. */
  #watchMemory(): () => number {
    let highest = 0;
    const look = () => (highest = Math.max(highest, this.#usage()?.rssBytes ?? 0));
    const timer = setInterval(look, SAMPLE_MS);
    return () => {
      clearInterval(timer);
      return highest;
    };
  }
}

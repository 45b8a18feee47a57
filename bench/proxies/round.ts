import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/output/index.js";
import type { Arrangement } from "./arrangement.js";
import { watchMachine, type Disturbance } from "./disturbance.js";
import type { RowFigures } from "./figures.js";
import type { Measurement, MeasurementSettings } from "./measurement.js";
import { measureIdle } from "./plain-measurements.js";
import type { Row, RunningRow } from "./row.js";

const SETTLE_MS = 2000;

/** How a round measures. */
export interface RoundSettings extends MeasurementSettings {
  /** Told before each measurement. */
  readonly onStep: (step: string) => void;
}

/** Rows, and what is measured of each, apart from what plain ones take when idle. */
export interface Stage {
  readonly arrangement: Arrangement;
  readonly rows: readonly Row[];
  readonly measurements: readonly Measurement[];
}

/** What a round found: the figures of each row by its name, and what disturbed each of its measurements. */
export interface Round {
  readonly figures: Readonly<Record<string, RowFigures>>;
  readonly disturbances: readonly Disturbance[];
}

/** Runs one stage after the other. Rows of the same name are the same row in other arrangements. */
export async function runRound(stages: readonly Stage[], settings: RoundSettings): Promise<Round> {
  const figures: Record<string, RowFigures> = {};
  const disturbances: Disturbance[] = [];
  for (const stage of stages) {
    const done = await runStage(stage, settings);
    disturbances.push(...done.disturbances);
    for (const [name, found] of Object.entries(done.figures)) figures[name] = { ...figures[name], ...found };
  }
  return { figures, disturbances };
}

/**
 * Starts every row anew, and takes one measurement of all of them after the other, so that what disturbs the machine for
 * a while disturbs them alike. A row is measured while the others have nothing to do.
 */
async function runStage({ arrangement, rows, measurements }: Stage, settings: RoundSettings): Promise<Round> {
  const started: MeasuredRow[] = [];
  const disturbances: Disturbance[] = [];
  const { onStep, signal } = settings;
  try {
    for (const row of rows) started.push({ name: row.name, running: await row.start(), figures: {} });
    await sleep(SETTLE_MS, undefined, { signal });
    if (arrangement === "plain") {
      onStep("idle");
      const idle = watchMachine();
      await Promise.all(started.map(async (row) => (row.figures = await measureIdle(row.running, settings))));
      disturbances.push(idle());
    }
    for (const { name, applies, measure } of measurements) {
      for (const row of started.filter(({ running }) => applies?.(running) ?? true)) {
        onStep(`${name}: ${row.name}`);
        const disturbance = watchMachine();
        const found = await measure(row.running, settings, row.figures).catch(named(`${name}: ${row.name}`));
        row.figures = { ...row.figures, ...found };
        disturbances.push(disturbance());
      }
    }
    return { figures: Object.fromEntries(started.map(({ name, figures }) => [name, figures])), disturbances };
  } finally {
    await Promise.all(started.map(({ running }) => running.stop()));
  }
}

/** Says in the error what was being measured. */
const named = (what: string) => (error: unknown) => {
  throw error instanceof Failure ? new Failure(`${what}: ${error.message}`) : error;
};

/** A row while it is measured. */
interface MeasuredRow {
  readonly name: string;
  readonly running: RunningRow;
  figures: RowFigures;
}

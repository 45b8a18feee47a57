import type { Arrangement } from "./arrangement.js";
import type { RowFigures } from "./figures.js";
import type { RunningRow } from "./row.js";

/** A measurement, or several that belong together, that can be made alone. */
export const STEPS = [
  "saturate",
  "pace",
  "hold",
  "carryBodies",
  "carryBytes",
  "secure",
  "http2",
  "handshakes",
  "permissions",
] as const;

export type Step = (typeof STEPS)[number];

/** How a measurement is made. */
export interface MeasurementSettings {
  /** Of each measurement under load. */
  readonly seconds: number;
  /** For the load generators' files. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Something that is measured of one row after the other. */
export interface Measurement {
  readonly step: Step;
  readonly arrangement: Arrangement;
  /** How the progress line calls it. */
  readonly name: string;
  /** Whether it finds anything in a row; in every one when left out. */
  readonly applies?: (row: RunningRow) => boolean;
  /** @param known what was measured of the row before */
  readonly measure: (
    row: RunningRow,
    settings: MeasurementSettings,
    known: RowFigures,
  ) => Promise<RowFigures>;
}

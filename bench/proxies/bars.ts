import type { Spread } from "../../src/bench/index.js";
import type { Report } from "./report.js";

/** Something that our own proxy is held to. */
export interface Bar {
  readonly bar: string;
  readonly limit: { readonly most: number } | { readonly least: number };
  readonly notation: Notation;
  readonly measure: (report: Report) => Spread | null;
}

/** How a value is written: its digits, and what stands behind them. */
export interface Notation {
  readonly digits: (value: number) => string;
  readonly unit: string;
}

/** Whether a bar is met. */
export interface Verdict {
  readonly bar: string;
  readonly limit: string;
  readonly measured: string;
  /** Null when it could not be measured. */
  readonly met: boolean | null;
}

/** Holds the medians against bars. */
export function verdictsOn(report: Report, bars: readonly Bar[]): readonly Verdict[] {
  return bars.map(({ bar, limit, notation: { digits, unit }, measure }) => {
    const spread = measure(report);
    return {
      bar,
      limit:
        "most" in limit ? `at most ${digits(limit.most)}${unit}` : `at least ${digits(limit.least)}${unit}`,
      measured:
        spread === null
          ? "-"
          : `${digits(spread.median)} (${digits(spread.min)} to ${digits(spread.max)})${unit}`,
      met: spread === null ? null : isWithin(limit, spread.median),
    };
  });
}

function isWithin(limit: Bar["limit"], value: number): boolean {
  return "most" in limit ? value <= limit.most : value >= limit.least;
}

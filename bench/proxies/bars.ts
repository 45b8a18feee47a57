import type { Spread } from "../../src/bench/index.js";
import type { Report } from "./report.js";

/** Something that our own proxy is held to. */
export interface Bar {
  readonly bar: string;
  readonly limit: { readonly most: number } | { readonly least: number };
  readonly notation: Notation;
  /** Which value over the rounds is held against the limit; the median when left out. */
  readonly by?: "largest";
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

/** Holds the medians, or what else decides, against bars. */
export function verdictsOn(report: Report, bars: readonly Bar[]): readonly Verdict[] {
  return bars.map(({ bar, limit, notation: { digits, unit }, by, measure }) => {
    const spread = measure(report);
    const decisive = spread === null ? null : by === "largest" ? spread.max : spread.median;
    return {
      bar,
      limit:
        "most" in limit ? `at most ${digits(limit.most)}${unit}` : `at least ${digits(limit.least)}${unit}`,
      measured:
        spread === null || decisive === null
          ? "-"
          : `${digits(decisive)} (${digits(spread.min)} to ${digits(spread.max)})${unit}`,
      met: decisive === null ? null : isWithin(limit, decisive),
    };
  });
}

function isWithin(limit: Bar["limit"], value: number): boolean {
  return "most" in limit ? value <= limit.most : value >= limit.least;
}

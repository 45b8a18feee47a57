import type { Spread } from "../../src/bench/index.js";
import { MESH } from "./mesh.js";
import { REFERENCE } from "./peers.js";
import { differenceOfFigure, ratioOfFigure, spreadOfFigure, type Report } from "./report.js";

/** What our own proxy is held to, and whether it is met. */
export interface Verdict {
  readonly bar: string;
  readonly limit: string;
  readonly measured: string;
  /** Null when it could not be measured. */
  readonly met: boolean | null;
}

interface Bar {
  readonly bar: string;
  readonly limit: { readonly most: number } | { readonly least: number };
  readonly notation: Notation;
  readonly measure: (report: Report) => Spread | null;
}

/** How a value is written: its digits, and what stands behind them. */
interface Notation {
  readonly digits: (value: number) => string;
  readonly unit: string;
}

const TIMES: Notation = { digits: (value) => value.toFixed(2), unit: ` × ${REFERENCE}` };
const MEGABYTES: Notation = { digits: (bytes) => (bytes / 1e6).toFixed(1), unit: " MB" };
const PER_SECOND: Notation = { digits: (value) => value.toFixed(1), unit: " a second" };
const MICROS: Notation = { digits: (us) => String(Math.round(us)), unit: " µs" };

const BARS: readonly Bar[] = [
  {
    bar: "CPU a request at saturation",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuSaturated", REFERENCE),
  },
  {
    bar: "CPU a request at the fixed rate",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuPaced", REFERENCE),
  },
  {
    bar: "wake-ups when idle",
    limit: { most: 5 },
    notation: PER_SECOND,
    measure: (report) => spreadOfFigure(report, MESH, "wakeUps"),
  },
  {
    bar: "RSS idle",
    limit: { most: 6e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssIdle"),
  },
  {
    bar: "RSS at saturation",
    limit: { most: 8e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssLoaded"),
  },
  {
    bar: "RSS with 1,000 idle connections",
    limit: { most: 10e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssHeld"),
  },
  {
    bar: "RSS kept when they are gone",
    limit: { most: 2e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssKept"),
  },
  {
    bar: `p99 at the fixed rate, less ${REFERENCE}'s`,
    limit: { most: 0 },
    notation: MICROS,
    measure: (report) => differenceOfFigure(report, MESH, "p99", REFERENCE),
  },
  {
    bar: "CPU a MB in responses of 1 MB",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "bodyCpu", REFERENCE),
  },
  {
    bar: "MB a second in responses of 1 MB",
    limit: { least: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "bodyThroughput", REFERENCE),
  },
  {
    bar: "CPU a MB of opaque TCP",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "opaqueCpu", REFERENCE),
  },
  {
    bar: "MB a second of opaque TCP",
    limit: { least: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "opaqueThroughput", REFERENCE),
  },
];

/** Holds the medians of our own proxy against its bars. */
export function verdictsOn(report: Report): readonly Verdict[] {
  return BARS.map(({ bar, limit, notation: { digits, unit }, measure }) => {
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

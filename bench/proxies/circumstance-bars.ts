import type { Bar, Notation } from "./bars.js";
import { ratioOfFigure } from "./report.js";
import { REFERENCE } from "./circumstances.js";

const TIMES: Notation = { digits: (value) => value.toFixed(2), unit: ` × ${REFERENCE}` };

/** What our own proxy is held to, whatever surrounds it: CPU a request at saturation against the plain circumstances. */
export const CIRCUMSTANCE_BARS: readonly Bar[] = [
  bar("10 endpoints", 1.1),
  bar("1,000 endpoints", 1.1),
  bar("10,000 endpoints", 1.1),
  bar("1,000 other services", 1.1),
  bar("2 workers", 1.1),
  bar("4 workers", 1.1),
  bar("tapped", 1.03),
];

function bar(row: string, most: number): Bar {
  return {
    bar: `CPU a request: ${row}`,
    limit: { most },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, row, "cpuSaturated"),
  };
}

import { build, type Histogram } from "hdr-histogram-js";

/** Percentiles of a load's latencies, in whole microseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

const LONGEST_US = 60_000_000;

/** Latencies from 1 µs to a minute, to three significant digits. */
export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 3,
  });

  /** Counts one latency, given in milliseconds as `performance.now()` differences are. */
  record(milliseconds: number): void {
    const microseconds = Math.round(milliseconds * 1000);
    this.#histogram.recordValue(Math.min(Math.max(microseconds, 1), LONGEST_US));
  }

  /** Forgets what was recorded. */
  reset(): void {
    this.#histogram.reset();
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Null when nothing was recorded. */
  percentiles(): Percentiles | null {
    if (this.count === 0) return null;
    return {
      p50: this.#histogram.getValueAtPercentile(50),
      p90: this.#histogram.getValueAtPercentile(90),
      p99: this.#histogram.getValueAtPercentile(99),
      p999: this.#histogram.getValueAtPercentile(99.9),
      max: this.#histogram.maxValue,
    };
  }
}

import { type Histogram, histogramOf } from "./histogram.js";
import { History } from "./history.js";
import { PROTOCOLS, TRAFFIC_LABELS, type TrafficLabels, type TrafficQuery } from "./traffic.js";

/** What a series counts beside latencies, in the order in which its history keeps them. */
export const TOTALS = [
  "successes",
  "failures",
  "secured",
  ...PROTOCOLS,
  "requestBytes",
  "responseBytes",
] as const;

export type Total = (typeof TOTALS)[number];

/** What one series amounted to between two times. */
export interface SeriesSums {
  labels: TrafficLabels;
  totals: Readonly<Record<Total, number>>;
  latency: Histogram;
  openConnections: number;
  securedConnections: number;
}

/** The traffic of one direction that has the same labels, as one proxy saw it in the last ten minutes. */
export class Series {
  /** Right now. */
  openConnections = 0;
  /** Of these, right now. */
  securedConnections = 0;
  /** Made with the first growth: most series of a large cluster have none. */
  #totals: History | undefined;
  readonly #growth = new Array<number>(TOTALS.length).fill(0);
  #latency: History | undefined;
  /** Upper bounds of buckets, in the order in which they were met. */
  readonly #bounds: number[] = [];
  /** Of each bound, as on the proxy's page: everything up to it. */
  readonly #latencyGrowth: number[] = [];

  /** @param lastGrowth when anything was counted last; at first, when the series began */
  constructor(
    readonly direction: string,
    readonly labels: TrafficLabels,
    public lastGrowth: number,
  ) {}

  /** The number of the bucket of responses that took at most `bound` seconds. */
  bucketOf(bound: number): number {
    const known = this.#bounds.indexOf(bound);
    if (known !== -1) return known;
    this.#latencyGrowth.push(0);
    return this.#bounds.push(bound) - 1;
  }

  /** Counts until the next commit. */
  grow(total: Total, by: number): void {
    const i = TOTALS.indexOf(total);
    this.#growth[i] = (this.#growth[i] ?? 0) + by;
  }

  /** Counts responses of a bucket until the next commit. */
  growBucket(bucket: number, by: number): void {
    this.#latencyGrowth[bucket] = (this.#latencyGrowth[bucket] ?? 0) + by;
  }

  /** Records what was counted since the last commit as having happened between two times. */
  commit(from: number, to: number): void {
    const buckets = this.#latencyGrowth;
    if (this.#growth.every((by) => by === 0) && buckets.every((by) => by === 0)) return;
    this.#totals ??= new History(TOTALS.length);
    this.#totals.add(from, to, this.#growth);
    // Another set of bounds is another version of the proxy: its counts cannot stand beside the old ones.
    if (this.#latency?.width !== buckets.length) this.#latency = new History(buckets.length);
    this.#latency.add(from, to, buckets);
    this.lastGrowth = to;
    this.#growth.fill(0);
    buckets.fill(0);
  }

  /** Whether something of it lasts. */
  get isOpen(): boolean {
    return this.openConnections > 0;
  }

  isAskedFor({ direction, match }: TrafficQuery): boolean {
    return (
      direction === this.direction &&
      TRAFFIC_LABELS.every((label) => match[label] === undefined || match[label] === this.labels[label])
    );
  }

  sums(from: number, to: number): SeriesSums {
    const sums = this.#totals?.sum(from, to) ?? [];
    const totals = Object.fromEntries(TOTALS.map((total, i) => [total, sums[i] ?? 0]));
    return {
      labels: this.labels,
      totals: totals as Record<Total, number>,
      latency: this.#latencySums(from, to),
      openConnections: this.openConnections,
      securedConnections: this.securedConnections,
    };
  }

  #latencySums(from: number, to: number): Histogram {
    const sums = this.#latency?.sum(from, to) ?? [];
    return histogramOf(this.#bounds.map((bound, i) => [bound, sums[i] ?? 0] as const));
  }
}

/** How many observations fell into each bucket, by the bucket's upper bound. Counts may be fractions. */
export type Histogram = Map<number, number>;

/** The histogram of counts that are each of everything up to the bound, as Prometheus has them. */
export function histogramOf(upTo: readonly (readonly [bound: number, count: number])[]): Histogram {
  const histogram: Histogram = new Map();
  let below = 0;
  for (const [bound, count] of [...upTo].sort(([a], [b]) => a - b)) {
    histogram.set(bound, Math.max(0, count - below));
    below = Math.max(below, count);
  }
  return histogram;
}

/** Adds the counts of one histogram to another's. */
export function addHistogram(to: Histogram, from: Histogram): void {
  for (const [upper, count] of from) to.set(upper, (to.get(upper) ?? 0) + count);
}

/**
 * The value below which a share of the observations lies, interpolated within its bucket as Prometheus's
 * histogram_quantile does: linearly, from 0 in the lowest bucket, and the highest finite bound when it lies above that.
 * @param share from 0 to 1
 * @returns undefined when there are no observations, or no finite bucket
 */
export function quantile(histogram: Histogram, share: number): number | undefined {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total <= 0) return undefined;
  const rank = share * total;
  let [below, lower] = [0, 0];
  for (const [upper, count] of buckets) {
    if (upper === Infinity) break;
    if (count > 0 && below + count >= rank) return lower + (upper - lower) * ((rank - below) / count);
    below += count;
    lower = upper;
  }
  return lower > 0 ? lower : undefined;
}

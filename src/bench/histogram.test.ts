import { expect, test } from "vitest";
import { LatencyHistogram } from "./histogram.js";

test("percentiles are whole microseconds of latencies given in milliseconds", () => {
  const histogram = new LatencyHistogram();
  for (let micros = 1; micros <= 1000; micros += 1) histogram.record(micros / 1000);
  expect(histogram.percentiles()).toEqual({ p50: 500, p90: 900, p99: 990, p999: 999, max: 1000 });
});

test("a latency beyond its range counts as its longest, not at all lost", () => {
  const histogram = new LatencyHistogram();
  histogram.record(3_600_000);
  histogram.record(0);
  expect(histogram.count).toBe(2);
  expect(histogram.percentiles()?.p999).toBeGreaterThanOrEqual(59_900_000);
});

test("nothing recorded is no percentile at all", () => {
  const histogram = new LatencyHistogram();
  expect(histogram.percentiles()).toBeNull();
  histogram.record(1);
  histogram.reset();
  expect(histogram.percentiles()).toBeNull();
});

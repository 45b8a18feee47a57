import { expect, test } from "vitest";
import { type Histogram, quantile } from "./index.js";
import { addHistogram } from "./histogram.js";

const histogram: Histogram = new Map([
  [0.001, 50],
  [0.01, 40],
  [0.1, 10],
  [Infinity, 0],
]);

test.each([
  [0.25, 0.0005],
  [0.5, 0.001],
  [0.7, 0.0055],
  [0.95, 0.055],
  [1, 0.1],
])("share %d lies at %d, interpolated within its bucket", (share, value) => {
  expect(quantile(histogram, share)).toBeCloseTo(value, 9);
});

test("beyond the last finite bound, that bound is all that can be said", () => {
  expect(
    quantile(
      new Map([
        [0.1, 1],
        [Infinity, 9],
      ]),
      0.99,
    ),
  ).toBe(0.1);
});

test("without observations there is no answer", () => {
  expect(quantile(new Map(), 0.5)).toBeUndefined();
  expect(
    quantile(
      new Map([
        [0.1, 0],
        [Infinity, 0],
      ]),
      0.5,
    ),
  ).toBeUndefined();
  expect(quantile(new Map([[Infinity, 3]]), 0.5)).toBeUndefined();
});

test("histograms of several proxies are one", () => {
  const merged: Histogram = new Map([[0.001, 10]]);
  addHistogram(
    merged,
    new Map([
      [0.001, 5],
      [0.002, 15],
    ]),
  );
  expect(quantile(merged, 0.5)).toBeCloseTo(0.001, 9);
});

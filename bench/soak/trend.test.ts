import { expect, it } from "vitest";
import { riseOf } from "./trend.js";

it("a trend is that of the line through all points", () => {
  expect(riseOf([0, 1, 2, 3].map((at) => ({ at, value: 10 + 2 * at })))).toBeCloseTo(6);
  expect(riseOf([1, 2, 1, 2, 1].map((value, at) => ({ at, value })))).toBeCloseTo(0);
  expect(riseOf([{ at: 1, value: 1 }])).toBe(0);
});

import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./index.js";

test.each([
  [0, "0µs"],
  [0.000_000_5, "0.5µs"],
  [0.000_95, "950µs"],
  [0.000_999_6, "1ms"],
  [0.001_2, "1.2ms"],
  [0.012_34, "12.3ms"],
  [0.123_4, "123ms"],
  [0.999_6, "1s"],
  [3.4, "3.4s"],
  [59.97, "1m"],
  [125, "2m5s"],
  [3600, "1h"],
  [5400, "1h30m"],
])("%d seconds are shown as %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  ["500ms", 0.5],
  ["30s", 30],
  ["2m", 120],
  ["1m30s", 90],
  ["1.5h", 5400],
  ["250us", 0.00025],
])("%s is read as %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBeCloseTo(seconds, 9);
});

test.each(["", "10", "m", "-1s", "1 s", "1s!", "1d", "1.2.3s"])("'%s' is not a duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

import { expect, test } from "vitest";
import { formatBytes, parseBytes } from "./index.js";

test.each([
  [0, "0B"],
  [999, "999B"],
  [1000, "1KB"],
  [1536, "1.5KB"],
  [999_600, "1MB"],
  [12_000_000, "12MB"],
  [123_456_789, "123MB"],
  [5e15, "5000TB"],
])("%d bytes are shown as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  ["512B", 512],
  ["64KB", 64_000],
  ["64KiB", 65_536],
  ["1.5MB", 1_500_000],
])("%s is read as %d bytes", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(["", "10", "MB", "10 MB", "10XB", "-1B"])("'%s' is not an amount of bytes", (text) => {
  expect(parseBytes(text)).toBeUndefined();
});

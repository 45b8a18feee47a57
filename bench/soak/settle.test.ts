import { expect, it } from "vitest";
import { isLeaking } from "./settle.js";

it("one descriptor, one connection or no answer is a leak", () => {
  const start = { name: "web-1", descriptors: 19, connections: 0 };
  expect(isLeaking(start, start)).toBe(false);
  expect(isLeaking({ ...start, descriptors: 18 }, start)).toBe(false);
  expect(isLeaking({ ...start, descriptors: 20 }, start)).toBe(true);
  expect(isLeaking({ ...start, connections: 1 }, start)).toBe(true);
  expect(isLeaking({ ...start, connections: NaN }, start)).toBe(true);
});

import { expect, it } from "vitest";
import { occasionsOf } from "./occasions.js";

it("counts requests that were held up together as one occasion", () => {
  const requests = [
    { began: 500, took: 10 },
    { began: 0, took: 100 },
    { began: 50, took: 60 },
    { began: 105, took: 10 },
  ];
  expect(occasionsOf(requests)).toBe(2);
  expect(occasionsOf([])).toBe(0);
});

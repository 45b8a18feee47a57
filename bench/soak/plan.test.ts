import { describe, expect, it } from "vitest";
import { faultsOf } from "./fault.js";
import { taskOf } from "./plan.js";

const BOUNDS = { seed: 3, largest: 100e6 };
const tasks = Array.from({ length: 3_000 }, (_, index) => taskOf(BOUNDS, index));
const exchanges = tasks.flatMap((task) => (task.kind === "exchange" ? [task.exchange] : []));

describe("the plan of a soak", () => {
  it("follows from the seed alone", () => {
    expect(tasks.map((_, index) => taskOf(BOUNDS, index))).toEqual(tasks);
    expect(taskOf({ ...BOUNDS, seed: 4 }, 5)).not.toEqual(tasks[5]);
  });

  it("has bodies of every size up to the largest", () => {
    const sizes = exchanges.map(({ response }) => response.bytes);
    expect(Math.min(...sizes)).toBe(0);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100e6);
    for (const power of [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7]) {
      expect(sizes.filter((size) => size >= power && size < power * 10).length).toBeGreaterThan(50);
    }
  });

  it("breaks only what is still on its way", () => {
    const broken = exchanges.filter(({ abort }) => abort !== null);
    expect(broken.length).toBeGreaterThan(100);
    for (const { abort, request, response } of broken) {
      if (abort?.during === "request") expect(abort.afterBytes).toBeLessThan(request?.bytes ?? 0);
      if (abort?.during === "response") expect(abort.afterBytes).toBeLessThan(response.bytes);
    }
  });

  it("never ends or drains the proxy of the first endpoint, whose memory is followed", () => {
    const faults = faultsOf(1, "web", 3);
    const kinds = Array.from({ length: 100 }, () => faults.next().value);
    const ofFirst = new Set(kinds.filter(({ endpoint }) => endpoint === 0).map(({ kind }) => kind));
    expect([...ofFirst].sort()).toEqual(["application killed", "endpoint removed"]);
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(4);
  });
});

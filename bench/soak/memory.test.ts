import { describe, expect, it } from "vitest";
import { Life } from "./life.js";
import { complaintsOnProxy, memoryOf } from "./memory.js";

/** What is said of a proxy with these values, a second apart, in MB. */
function complaintsOn(megabytes: readonly number[]): string[] {
  const life = new Life("web-1", process.pid);
  megabytes.forEach((value, second) =>
    life.samples.push({ at: second * 1_000, rssBytes: value * 1e6, descriptors: 10 }),
  );
  return complaintsOnProxy(memoryOf(life, { from: 500, until: (megabytes.length - 1) * 1_000 - 500 }));
}

describe("the memory of a proxy", () => {
  it("may rise at first, and vary", () => {
    expect(complaintsOn([4, 5, 6, 6, 5.5, 6.5, 6, 5.5, 6])).toEqual([]);
  });

  it("may not go on rising, also when it is given back at the end", () => {
    expect(complaintsOn([4, 5, 6, 7, 8, 9, 10, 11, 4])).toEqual([
      "the memory of proxy web-1 rose by 3.0 MB over the second half",
    ]);
  });

  it("may not be kept", () => {
    expect(complaintsOn([4, 9, 9, 9, 9, 9, 9, 9, 9])).toEqual([
      "proxy web-1 kept 5.0 MB after the traffic had ended",
    ]);
  });
});

import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { usageOf } from "./usage.js";

it.runIf(existsSync("/proc/self/stat"))("grows with what a process does", () => {
  const before = usageOf(process.pid);
  const ownBefore = process.cpuUsage();
  const end = Date.now() + 100;
  while (Date.now() < end);
  const after = usageOf(process.pid);
  const own = process.cpuUsage(ownBefore);
  if (before === null || after === null) throw new Error("usage of this process is unknown");
  // The kernel's books and getrusage agree within what passes between the two readings, and a tick.
  const used = after.cpuUs - before.cpuUs;
  expect(used).toBeGreaterThan((own.user + own.system) / 2);
  expect(used).toBeLessThan((own.user + own.system) * 2 + 50_000);
  expect(after.rssBytes).toBeGreaterThan(10_000_000);
});

it("is unknown for a process that does not exist", () => {
  expect(usageOf(2 ** 30)).toBeNull();
});

import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { usageOf, usageOfProxy } from "./usage.js";

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

it("is read from a metrics page where the proxy is elsewhere, and unknown where that does not answer", async () => {
  const page = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.25\n";
  const server = createServer((_request, response) => {
    response.end(`${page}process_resident_memory_bytes 5e6\n`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await usageOfProxy(address)).toEqual({ cpuUs: 1_250_000, rssBytes: 5_000_000 });
  server.close();
  await once(server, "close");
  expect(await usageOfProxy(address)).toBeNull();
});

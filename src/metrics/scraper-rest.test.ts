import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { Scraper, type TrafficQuery } from "./index.js";

const SOON = { timeout: 60_000, interval: 20 };
const QUERY: TrafficQuery = { direction: "inbound", match: {}, groupBy: ["dst_pod"], windowSeconds: 60 };

test("one that reads only when it is asked stops when nobody asks any more, and forgets", async () => {
  let reads = 0;
  const server = createServer((_, response) => {
    reads++;
    response.end(`mesh_responses_total{direction="inbound",classification="success"} ${reads * 1_000}\n`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const scraper = new Scraper({ onlyWhenAsked: true });
  onTestFinished(() => {
    vi.useRealTimers();
    scraper.close();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const workload = { kind: "workload", name: "world" };
  scraper.add({ name: "world-1", namespace: "default", workload, adminAddress: `127.0.0.1:${port}` });
  const successes = async () => {
    const answer = await scraper.query([QUERY]);
    return answer.ok ? answer.value.groups[0]?.[0]?.successes : undefined;
  };
  expect(await successes()).toBeUndefined();
  const read = async (times: number) => {
    const from = reads;
    await vi.waitFor(() => {
      vi.advanceTimersByTime(1);
      expect(reads).toBeGreaterThanOrEqual(from + times);
    }, SOON);
  };
  await read(2);
  vi.advanceTimersByTime(11 * 60_000);
  const asleep = reads;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(reads).toBeLessThanOrEqual(asleep + 1);
  // What was counted meanwhile is nobody's traffic of this minute.
  expect(await successes()).toBeUndefined();
  await read(1);
  await vi.waitFor(async () => expect(await successes()).toBe(0), SOON);
});

import { type RequestListener, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, test, vi } from "vitest";
import { Scraper, type TrafficQuery } from "./index.js";
import { intervalMs, type ScraperOptions } from "./scraper.js";

const SOON = { timeout: 60_000, interval: 50 };
const QUERY: TrafficQuery = { direction: "inbound", match: {}, groupBy: ["dst_pod"], windowSeconds: 60 };

const cleanups: (() => void)[] = [];
afterAll(() => {
  for (const cleanup of cleanups) cleanup();
});

test.each([
  [1, 2_000],
  [50, 2_000],
  [500, 20_000],
])("each of %i proxies is asked every %i ms: never more than 25 a second", (proxies, expected) => {
  expect(intervalMs(proxies)).toBe(expected);
});

// Concurrent, since a proxy counts as failing only after some attempts.
describe.concurrent("the scraper", () => {
  test("a proxy's traffic is told as it goes on, over one connection", async () => {
    let responses = 0;
    let connections = 0;
    const { server, address } = await serve((request, response) => {
      responses += 10;
      response.end(request.url === "/metrics" ? page(responses) : undefined);
    });
    server.on("connection", () => connections++);
    const scraper = start();
    scraper.add(target("world-1", address));
    await vi.waitFor(async () => {
      const { groups } = await ask(scraper);
      expect(groups[0]?.successes).toBeGreaterThanOrEqual(20);
    }, SOON);
    expect(connections).toBe(1);

    scraper.remove({ namespace: "default", name: "world-1" });
    const { groups, notes } = await ask(scraper);
    expect(groups).toMatchObject([{ labels: { dst_pod: "world-1" }, openConnections: 0 }]);
    expect(notes).toEqual([expect.stringContaining("began to watch")]);
  });

  test.each<[string, RequestListener, string]>([
    ["an error", (_, response) => response.writeHead(500).end(), "status 500"],
    ["another page", (_, response) => response.end("<html>\n"), "line 1 is not Prometheus text"],
    ["no end", (_, response) => endless(response), "more than 33554432 bytes"],
    ["a broken answer", (request) => request.socket.destroy(), "ECONNRESET"],
  ])("a proxy that answers with %s is left out and named", async (_name, listener, reason) => {
    const { address } = await serve(listener);
    const scraper = start();
    scraper.add(target("world-1", address));
    await vi.waitFor(async () => {
      const { groups, notes } = await ask(scraper);
      expect(groups).toEqual([]);
      expect(notes).toContainEqual(
        expect.stringMatching(new RegExp(`the proxy of default/world-1 .* is left out: .*${reason}`)),
      );
    }, SOON);
  });

  test("a proxy that does not answer at all holds up no other", async () => {
    const { address: silent } = await serve(() => undefined);
    let responses = 0;
    const { address } = await serve((_, response) => response.end(page((responses += 10))));
    const scraper = start();
    scraper.add(target("silent", silent));
    scraper.add(target("nowhere", "not an address"));
    scraper.add(target("world-1", address));
    await vi.waitFor(async () => {
      const { groups, notes } = await ask(scraper);
      expect(groups[0]?.successes).toBeGreaterThan(0);
      expect(notes.join("\n")).toMatch(/default\/nowhere .* not an address/);
      expect(notes.join("\n")).toMatch(/default\/silent .* no answer within 2s/);
    }, SOON);
  });

  test("one that reads only when it is asked begins with the first question", async () => {
    let reads = 0;
    const { address } = await serve((_, response) => response.end(page(10 * ++reads)));
    const scraper = start({ onlyWhenAsked: true });
    scraper.add(target("world-1", address));
    const other = start();
    other.add(target("world-1", address));
    // The other has read it, so this one would have.
    await vi.waitFor(async () => expect((await ask(other)).groups[0]?.successes).toBeGreaterThan(0), SOON);
    other.close();
    const before = reads;
    expect(await ask(scraper)).toEqual({
      groups: [],
      notes: [expect.stringContaining("only when it is asked, and begins now")],
    });
    await vi.waitFor(async () => {
      const { groups, notes } = await ask(scraper);
      expect(groups[0]?.successes).toBeGreaterThan(0);
      expect(groups[0]?.successes).toBeLessThanOrEqual(10 * (reads - before));
      expect(notes).toEqual([expect.stringContaining("began to watch")]);
    }, SOON);
  });

  test("a window longer than what is kept is refused", async () => {
    expect(await start().query([{ ...QUERY, windowSeconds: 3_600 }])).toMatchObject({
      ok: false,
      error: { reason: "the control plane itself keeps 10 minutes of traffic" },
    });
  });
});

async function ask(scraper: Scraper) {
  const answer = await scraper.query([QUERY]);
  if (!answer.ok) throw new Error(answer.error.reason);
  const [groups = []] = answer.value.groups;
  return { groups, notes: answer.value.notes };
}

function page(successes: number): string {
  return [
    "process_start_time_seconds 1000",
    `mesh_responses_total{direction="inbound",classification="success"} ${successes}`,
    'mesh_tcp_open_connections{direction="inbound",peer="src"} 1',
  ].join("\n");
}

function endless(response: Parameters<RequestListener>[1]): void {
  const comment = `# ${"x".repeat(64 * 1024)}\n`;
  const more = () => {
    while (!response.destroyed && response.write(comment));
  };
  response.on("drain", more);
  more();
}

function target(name: string, adminAddress: string) {
  return { name, namespace: "default", workload: { kind: "workload", name: "world" }, adminAddress };
}

function start(options: ScraperOptions = {}): Scraper {
  const scraper = new Scraper(options);
  cleanups.push(() => scraper.close());
  return scraper;
}

function serve(listener: RequestListener): Promise<{ server: Server; address: string }> {
  return new Promise((resolve) => {
    const server = createServer(listener).listen(0, "127.0.0.1", () => {
      resolve({ server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    });
    cleanups.push(() => {
      server.close();
      server.closeAllConnections();
    });
  });
}

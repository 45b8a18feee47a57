import { describe, expect, test } from "vitest";
import { quantile } from "./index.js";
import { TrafficMemory } from "./traffic-memory.js";
import type { TrafficQuery } from "./traffic.js";

const HELLO = { name: "hello-1", namespace: "default", workload: { kind: "deployment", name: "hello" } };
const WORLD = { name: "world-1", namespace: "default", workload: { kind: "workload", name: "world" } };
// Long before the pages: what they say then only tells where counting begins.
const LONG_AGO = 1_000;
const WALL_CLOCK = 1_700_000_000;

const INBOUND: TrafficQuery = {
  direction: "inbound",
  match: {},
  groupBy: ["dst_workload"],
  windowSeconds: 60,
};

/** A page on which an inbound proxy says how many responses there were, all of them in less than 10 ms. */
function inbound(successes: number, failures = 0, { start = LONG_AGO, extra = "" } = {}): string {
  const labels = (classification: string) =>
    `direction="inbound",status_code="200",classification="${classification}"`;
  return [
    `process_start_time_seconds ${start}`,
    `mesh_responses_total{${labels("success")}} ${successes}`,
    `mesh_responses_total{${labels("failure")}} ${failures}`,
    `mesh_response_latency_seconds_bucket{direction="inbound",le="0.001"} 0`,
    `mesh_response_latency_seconds_bucket{direction="inbound",le="0.01"} ${successes + failures}`,
    `mesh_response_latency_seconds_bucket{direction="inbound",le="+Inf"} ${successes + failures}`,
    extra,
  ].join("\n");
}

function outbound(service: string, successes: number): string {
  return `mesh_responses_total{direction="outbound",dst_namespace="default",dst_service="${service}",classification="success"} ${successes}`;
}

function ingest(memory: TrafficMemory, proxy: typeof HELLO, page: string, time: number): void {
  memory.of(proxy).ingest(page, time, WALL_CLOCK + time);
}

test("what was counted before the first page is not of the window", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(1_000, 500), 100);
  ingest(memory, WORLD, inbound(1_090, 510), 110);
  const [group] = memory.query(INBOUND, 110);
  expect(group).toMatchObject({ labels: { dst_workload: "world" }, seconds: 10 });
  expect(group?.successes).toBeCloseTo(90, 3);
  expect(group?.failures).toBeCloseTo(10, 3);
  expect(group && quantile(group.latency, 0.5)).toBeCloseTo(0.0055, 4);
});

test("requests are told apart by what they are spoken in, where the proxy says it", () => {
  const memory = new TrafficMemory(10);
  const page = (http1: number, http2: number, grpc: number, unknown: number) =>
    Object.entries({ http1, http2, grpc, "": unknown })
      .map(([protocol, count]) => {
        const classification = protocol === "grpc" ? "failure" : "success";
        return `mesh_responses_total{direction="inbound",protocol="${protocol}",classification="${classification}"} ${count}`;
      })
      .join("\n");
  ingest(memory, WORLD, page(100, 100, 100, 100), 100);
  ingest(memory, WORLD, page(101, 102, 104, 108), 110);
  const [group] = memory.query(INBOUND, 110);
  const counted = [group?.http1, group?.http2, group?.grpc, group?.successes, group?.failures];
  expect(counted.map((count) => Math.round(count ?? 0))).toEqual([1, 2, 4, 11, 4]);
});

test("a proxy that began a moment before its first page is counted from its start", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(40, 0, { start: WALL_CLOCK + 96 }), 100);
  expect(memory.query(INBOUND, 100)).toMatchObject([{ seconds: 4, successes: 40 }]);
});

test("a proxy may be older than the clock", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(40, 0, { start: WALL_CLOCK - 3 }), 1);
  expect(memory.query(INBOUND, 1)).toMatchObject([{ seconds: 4, successes: 40 }]);
});

test("a proxy that was restarted counts from zero, also when its counters are already higher than before", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(100), 100);
  ingest(memory, WORLD, inbound(110), 110);
  ingest(memory, WORLD, inbound(150, 0, { start: WALL_CLOCK + 112 }), 120);
  expect(memory.query(INBOUND, 120)[0]?.successes).toBeCloseTo(160, 3);
});

test("a counter that is lower than before began again", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(100), 100);
  ingest(memory, WORLD, inbound(30), 110);
  expect(memory.query(INBOUND, 110)[0]?.successes).toBeCloseTo(30, 3);
});

test("a line that the proxy no longer gives takes nothing away from the others of its series", () => {
  const memory = new TrafficMemory(10);
  const old = `mesh_responses_total{direction="inbound",status_code="404",classification="success"} 70`;
  ingest(memory, WORLD, inbound(100, 0, { extra: old }), 100);
  ingest(memory, WORLD, inbound(105), 110);
  expect(memory.query(INBOUND, 110)[0]?.successes).toBeCloseTo(5, 3);
});

test("a series that was not given for a while goes on from its last value", () => {
  const memory = new TrafficMemory(10);
  const idle = `process_start_time_seconds ${LONG_AGO}`;
  ingest(memory, WORLD, inbound(100), 100);
  ingest(memory, WORLD, inbound(110), 110);
  ingest(memory, WORLD, idle, 720);
  memory.expire(730);
  ingest(memory, WORLD, idle, 740);
  ingest(memory, WORLD, inbound(113), 750);
  expect(memory.query(INBOUND, 750)[0]?.successes).toBeCloseTo(3, 3);
});

test("a series that nothing happens to is not counted again when it was forgotten", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(100), 100);
  memory.expire(800);
  ingest(memory, WORLD, inbound(100), 801);
  ingest(memory, WORLD, inbound(102), 803);
  expect(memory.query(INBOUND, 803)[0]?.successes).toBeCloseTo(2, 3);
});

test("the last minute is kept in fine steps and ten minutes in coarse ones", () => {
  const memory = new TrafficMemory(10);
  for (let time = 0; time <= 1_200; time += 2) ingest(memory, WORLD, inbound(time * 10), 1_000 + time);
  for (const windowSeconds of [10, 60, 300, 600]) {
    const [group] = memory.query({ ...INBOUND, windowSeconds }, 2_200);
    expect(group?.seconds).toBe(windowSeconds);
    expect(group?.successes).toBeCloseTo(windowSeconds * 10, 0);
  }
  expect(memory.query({ ...INBOUND, windowSeconds: 3_600 }, 2_200)[0]?.seconds).toBe(600);
});

test("traffic that stopped leaves the window", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(0), 100);
  ingest(memory, WORLD, inbound(100), 110);
  for (let time = 112; time <= 200; time += 2) ingest(memory, WORLD, inbound(100), time);
  expect(memory.query({ ...INBOUND, windowSeconds: 30 }, 200)[0]?.successes).toBe(0);
  expect(memory.query({ ...INBOUND, windowSeconds: 600 }, 200)[0]?.successes).toBeCloseTo(100, 3);
});

test("a proxy that left and the one that came in its place share the window", () => {
  const memory = new TrafficMemory(10);
  const next = { ...WORLD, name: "world-2" };
  for (let time = 0; time <= 30; time += 2) ingest(memory, WORLD, inbound(time * 10), 1_000 + time);
  for (let time = 30; time <= 60; time += 2) ingest(memory, next, inbound(time * 10), 1_000 + time);
  const [group] = memory.query(INBOUND, 1_060);
  expect(group?.seconds).toBe(60);
  expect(group?.successes).toBeCloseTo(600, 0);
});

describe("groups", () => {
  test("are matched and summed by label, over all proxies", () => {
    const memory = new TrafficMemory(10);
    for (const [time, base] of [
      [100, 0],
      [110, 50],
    ] as const) {
      ingest(memory, HELLO, [outbound("world", base), outbound("other", base * 2)].join("\n"), time);
      ingest(memory, WORLD, outbound("world", base), time);
    }
    const query = { direction: "outbound", match: {}, groupBy: ["dst_service"], windowSeconds: 10 } as const;
    const all = memory.query(query, 110);
    expect(all.map(({ labels, successes }) => [labels.dst_service, Math.round(successes)])).toEqual([
      ["world", 100],
      ["other", 100],
    ]);
    const ofHello = memory.query({ ...query, match: { src_workload: "hello", dst_service: "world" } }, 110);
    expect(ofHello).toMatchObject([{ labels: { dst_service: "world" } }]);
    expect(ofHello[0]?.successes).toBeCloseTo(50, 3);
  });
});

test("bytes are of the direction in which they went, whichever side counted them", () => {
  const memory = new TrafficMemory(10);
  const page = (read: number, write: number) =>
    [
      `mesh_tcp_read_bytes_total{direction="inbound",peer="src"} ${read}`,
      `mesh_tcp_write_bytes_total{direction="inbound",peer="src"} ${write}`,
      `mesh_tcp_read_bytes_total{direction="outbound",peer="dst",dst_service="db"} ${read}`,
      `mesh_tcp_write_bytes_total{direction="outbound",peer="dst",dst_service="db"} ${write}`,
      `mesh_tcp_read_bytes_total{direction="inbound",peer="dst"} 99999`,
      `mesh_tcp_open_connections{direction="inbound",peer="src"} 3`,
    ].join("\n");
  ingest(memory, WORLD, page(0, 0), 100);
  ingest(memory, WORLD, page(1_000, 20_000), 110);
  const [served] = memory.query(INBOUND, 110);
  const [sent] = memory.query({ ...INBOUND, direction: "outbound", groupBy: ["dst_service"] }, 110);
  expect(
    [served?.requestBytes, served?.responseBytes, served?.openConnections].map((n) => Math.round(n ?? -1)),
  ).toEqual([1_000, 20_000, 3]);
  expect([sent?.requestBytes, sent?.responseBytes].map((n) => Math.round(n ?? -1))).toEqual([20_000, 1_000]);
  memory.of(WORLD).close();
  expect(memory.query(INBOUND, 112)[0]?.openConnections).toBe(0);
});

test("series beyond the limit are counted, and find room when others have expired", () => {
  const memory = new TrafficMemory(2);
  const page = (count: number) => ["a", "b", "c", "d"].map((service) => outbound(service, count)).join("\n");
  const query = { direction: "outbound", match: {}, groupBy: ["dst_service"], windowSeconds: 60 } as const;
  ingest(memory, HELLO, page(0), 100);
  ingest(memory, HELLO, page(10), 110);
  expect(memory.query(query, 110).map(({ labels }) => labels.dst_service)).toEqual(["a", "b"]);
  expect(memory.overflow).toBe(2);
  memory.expire(800);
  ingest(memory, HELLO, [outbound("c", 10), outbound("d", 10)].join("\n"), 800);
  ingest(memory, HELLO, [outbound("c", 20), outbound("d", 20)].join("\n"), 810);
  expect(memory.overflow).toBe(0);
  const found = memory
    .query(query, 810)
    .map(({ labels, successes }) => [labels.dst_service, Math.round(successes)]);
  expect(found).toEqual([
    ["c", 10],
    ["d", 10],
  ]);
});

test("a page that is no metrics text counts for nothing", () => {
  const memory = new TrafficMemory(10);
  ingest(memory, WORLD, inbound(0), 100);
  expect(() => ingest(memory, WORLD, `${inbound(50)}\n<html>`, 105)).toThrow("Prometheus text");
  ingest(memory, WORLD, inbound(60), 110);
  expect(memory.query(INBOUND, 110)[0]?.successes).toBeCloseTo(60, 3);
});

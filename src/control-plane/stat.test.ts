import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { StatRequest } from "../../generated/mesh/api/v1/StatRequest.js";
import { Catalog } from "../catalog/index.js";
import { ControlPlaneClient, routeTo } from "../client/index.js";
import { Scraper } from "../metrics/index.js";
import { type Listener, listen } from "./listen.js";
import { statService } from "./stat.js";

const SECONDS_OLD = 5;

// hello-1 and hello-2 send to the service world, which world-1 serves; a TCP service db is behind world-1.
const catalog = new Catalog();
const scraper = new Scraper();
const servers: Server[] = [];
let listener: Listener;
let client: ControlPlaneClient;

beforeAll(async () => {
  catalog.putService({ namespace: "default", name: "world", ports: [], endpoints: { addresses: [] } });
  catalog.putService({ namespace: "default", name: "idle", ports: [], endpoints: { addresses: [] } });
  catalog.putInstance({
    namespace: "other",
    name: "alone-1",
    workload: { kind: "deployment", name: "alone" },
    labels: {},
    addresses: ["192.0.2.1"],
    ports: {},
  });
  await join("hello-1", "hello", outboundPage({ successes: 60, failures: 20 }));
  await join("hello-2", "hello", outboundPage({ successes: 20, failures: 0 }));
  await join("world-1", "world", inboundPage());
  const started = await listen({
    address: "127.0.0.1:0",
    flag: "--api-listen",
    services: [statService(catalog, scraper)],
  });
  if (!started.ok) throw started.error;
  listener = started.value;
  client = new ControlPlaneClient(routeTo(listener.address));
  await vi.waitFor(async () => expect(Object.keys(await rows("pod"))).toHaveLength(3), { timeout: 60_000 });
  const everyPageWasRead = async () => {
    const { "workload/world": served } = await rows("workload");
    const { "service/world": sent } = await rows("service");
    expect(served?.http).not.toBeNull();
    expect(sent?.http?.successRate).toBeCloseTo(0.8, 3);
  };
  await vi.waitFor(everyPageWasRead, { timeout: 60_000 });
});

afterAll(() => {
  client.close();
  listener.close();
  scraper.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

const putNamespace = (name: string) => catalog.namespaces.set(name, { name, labels: {}, isEnding: false });

test("of namespaces that a registry declares, one that there is not is refused with those that there are", async () => {
  putNamespace("default");
  putNamespace("empty");
  const { rows: none, notes } = await client.stat({ selector: { type: "workload", namespace: "empty" } });
  expect([none, notes]).toMatchObject([
    [],
    [expect.stringContaining("no workloads in namespace empty; try: ")],
  ]);
  await expect(client.stat({ selector: { type: "pod", namespace: "elsewhere" } })).rejects.toMatchObject({
    message: "there is no namespace elsewhere",
    hint: "-n default, -n empty, -n other, -A",
    exitStatus: 1,
  });
  await expect(client.stat({ selector: { type: "namespace", name: "emty" } })).rejects.toMatchObject({
    message: "there is no namespace emty",
    hint: "ns/empty",
  });
  catalog.namespaces.set("default", undefined);
  catalog.namespaces.set("empty", undefined);
});

describe("rows", () => {
  test("workloads are shown with what they served", async () => {
    const { "workload/world": world, "workload/hello": hello, ...others } = await rows("workload");
    expect(others).toEqual({});
    expect(world?.resource).toMatchObject({ namespace: "default", pods: 1, meshedPods: 1 });
    expect(world?.http?.successRate).toBeCloseTo(0.9, 3);
    expect(world?.http?.requestsPerSecond).toBeGreaterThan(5);
    expect(world?.http?.requestsPerSecond).toBeLessThan(21);
    expect(world?.http?.latencyP50).toEqual({ seconds: 0, nanos: 5_500_000 });
    expect(hello).toMatchObject({ resource: { pods: 2, meshedPods: 2 }, http: null });
  });

  test("services are shown with what was sent to them, over all senders", async () => {
    const { "service/world": world, "service/idle": idle } = await rows("service");
    expect(world?.http?.successRate).toBeCloseTo(0.8, 3);
    expect(idle).toMatchObject({ http: null, tcp: null });
  });

  test("bytes and connections are those of the row's resource", async () => {
    const { "workload/world": served } = await rows("workload");
    const { "service/world": sent } = await rows("service");
    for (const row of [served, sent]) {
      const { readBytesPerSecond = 0, writeBytesPerSecond = 0 } = row?.tcp ?? {};
      expect(writeBytesPerSecond / readBytesPerSecond).toBeCloseTo(10, 1);
    }
    expect(served?.tcp?.openConnections).toBe(3);
    expect(sent?.tcp?.openConnections).toBe(4);
  });

  test("with a peer, only the traffic between the two counts", async () => {
    const world = await rows("workload", { from: { type: "pod", namespace: "default", name: "hello-1" } });
    expect(Object.keys(world)).toEqual(["workload/world"]);
    expect(world["workload/world"]?.http?.successRate).toBeCloseTo(0.75, 3);
    const to = { type: "service", namespace: "default", name: "world" };
    const senders = await rows("pod", { to });
    expect(Object.keys(senders)).toEqual(["pod/hello-1", "pod/hello-2"]);
    const { readBytesPerSecond = 0, writeBytesPerSecond = 0 } = senders["pod/hello-1"]?.tcp ?? {};
    expect(readBytesPerSecond / writeBytesPerSecond).toBeCloseTo(10, 1);
  });

  test("all are workloads, pods and services, in this order; in all namespaces when none is given", async () => {
    expect(Object.keys(await rows("all"))).toEqual([
      "workload/hello",
      "workload/world",
      "pod/hello-1",
      "pod/hello-2",
      "pod/world-1",
      "service/idle",
      "service/world",
    ]);
    expect(Object.keys(await rows("workload", {}, { namespace: "" }))).toEqual([
      "deployment/alone",
      "workload/hello",
      "workload/world",
    ]);
    const namespaces = await rows("namespace");
    expect(namespaces["namespace/default"]?.http?.successRate).toBeCloseTo(0.9, 3);
  });

  test("one can be named, also without traffic", async () => {
    expect(Object.keys(await rows("pod", {}, { name: "hello-1" }))).toEqual(["pod/hello-1"]);
  });
});

describe("nothing to show is told in a sentence", () => {
  test.each([
    [{ type: "deployment" }, "there are no deployments in namespace default; try: -n other, or -A"],
    [{ type: "job" }, "there are no jobs in namespace default; try: workload/hello, workload/world"],
    [
      { type: "pod", namespace: "nowhere" },
      "there are no pods in namespace nowhere; try: -n default, other, or -A",
    ],
  ])("%j", async (selector, note) => {
    const { rows: none, notes } = await client.stat({ selector: { ...all(), ...selector } });
    expect([none, notes]).toEqual([[], [note.replace("default, other", "default, -n other")]]);
  });

  test("one that is named and is not there is refused with what there is", async () => {
    const named = { selector: { ...all(), type: "workload", name: "wrold" } };
    await expect(client.stat(named)).rejects.toMatchObject({
      message: "there is no workload wrold in namespace default",
      hint: "workload/world",
      exitStatus: 1,
    });
  });

  test("no traffic between two that exist", async () => {
    const { rows: none, notes } = await client.stat({
      selector: { ...all(), type: "service" },
      from: { type: "workload", namespace: "default", name: "world" },
      window: { seconds: 300, nanos: 0 },
    });
    expect(none).toEqual([]);
    expect(notes[0]).toBe(
      "no traffic from workload world in namespace default to services in namespace default in the last 5m",
    );
  });
});

test.each<[string, StatRequest, string]>([
  ["a service as the sender", { from: { type: "service", name: "world" } }, "a service receives requests"],
  ["a type that does not exist", { selector: { type: "wrkload" } }, "'wrkload' is not a type"],
  ["an empty window", { window: { seconds: 0, nanos: 0 } }, "window must be longer"],
])("%s is refused as wrong usage", async (_name, request, message) => {
  const answer = client.stat({ selector: all(), ...request });
  await expect(answer).rejects.toMatchObject({
    message: expect.stringContaining(message) as string,
    exitStatus: 2,
  });
});

function all() {
  return { type: "all", namespace: "default", name: "" };
}

async function rows(type: string, peer: Pick<StatRequest, "from" | "to"> = {}, selector = {}) {
  const response = await client.stat({ selector: { ...all(), type, ...selector }, ...peer });
  return Object.fromEntries(
    response.rows.map((row) => [`${row.resource?.type ?? ""}/${row.resource?.name ?? ""}`, row]),
  );
}

async function join(name: string, workload: string, figures: string): Promise<void> {
  let page: string | undefined;
  // However late it is read first: the process is young then, so that its counters count from their start.
  const server = createServer((_, response) => response.end((page ??= `${processStart()}\n${figures}`)));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = {
    name,
    namespace: "default",
    workload: { kind: "workload", name: workload },
    version: "1",
    adminAddress: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    tapAddress: "",
    outboundAddress: "",
    inbound: [],
  };
  catalog.proxies.join(proxy);
  scraper.add(proxy);
}

function processStart(): string {
  return `process_start_time_seconds ${Date.now() / 1000 - SECONDS_OLD}`;
}

function outboundPage({ successes, failures }: { successes: number; failures: number }): string {
  const labels =
    'direction="outbound",dst_namespace="default",dst_service="world",dst_workload_kind="workload",dst_workload="world",dst_pod="world-1"';
  return [
    `mesh_responses_total{${labels},classification="success"} ${successes}`,
    `mesh_responses_total{${labels},classification="failure"} ${failures}`,
    `mesh_tcp_write_bytes_total{${labels},peer="dst"} 1000`,
    `mesh_tcp_read_bytes_total{${labels},peer="dst"} 10000`,
    `mesh_tcp_open_connections{${labels},peer="dst"} 2`,
  ].join("\n");
}

function inboundPage(): string {
  return [
    'mesh_responses_total{direction="inbound",classification="success"} 90',
    'mesh_responses_total{direction="inbound",classification="failure"} 10',
    'mesh_response_latency_seconds_bucket{direction="inbound",le="0.001"} 0',
    'mesh_response_latency_seconds_bucket{direction="inbound",le="0.01"} 100',
    'mesh_response_latency_seconds_bucket{direction="inbound",le="+Inf"} 100',
    'mesh_tcp_read_bytes_total{direction="inbound",peer="src"} 1000',
    'mesh_tcp_write_bytes_total{direction="inbound",peer="src"} 10000',
    'mesh_tcp_open_connections{direction="inbound",peer="src"} 3',
  ].join("\n");
}

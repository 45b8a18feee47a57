import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { TapRequest } from "../../generated/mesh/api/v1/TapRequest.js";
import type { TapResponse__Output } from "../../generated/mesh/api/v1/TapResponse.js";
import type { ObserveRequest__Output } from "../../generated/mesh/proxy/v1/ObserveRequest.js";
import type { TapEvent } from "../../generated/mesh/proxy/v1/TapEvent.js";
import { Catalog } from "../catalog/index.js";
import { ControlPlaneClient, routeTo } from "../client/index.js";
import { loadProxyTap } from "../proto/index.js";
import { type Listener, listen } from "./listen.js";
import { tapService } from "./tap.js";

const SOON = { timeout: 60_000, interval: 20 };
const ALL = { type: "all", namespace: "default", name: "" };

let catalog: Catalog;
let listener: Listener;
let client: ControlPlaneClient;
let cleanups: (() => void)[];

beforeEach(async () => {
  catalog = new Catalog();
  cleanups = [];
  const started = await listen({
    address: "127.0.0.1:0",
    flag: "--api-listen",
    services: [tapService(catalog)],
  });
  if (!started.ok) throw started.error;
  listener = started.value;
  client = new ControlPlaneClient(routeTo(listener.address));
});

afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  client.close();
  listener.close();
});

test("events of every proxy of the target are merged, each with the proxy that saw it", async () => {
  const [hello, world] = [await StandInProxy.join("hello-1"), await StandInProxy.join("world-1")];
  const tap = observe({ target: ALL });
  await hello.observed();
  await world.observed();
  hello.sendRequest(1);
  world.sendRequest(1);
  world.send({ requestId: 1, direction: "INBOUND", response: { status: 200 } });
  await vi.waitFor(() => {
    expect(tap.events().sort()).toEqual([
      "default/hello-1 1 request",
      "default/world-1 1 request",
      "default/world-1 1 response",
    ]);
  }, SOON);
  expect(tap.notes()).toEqual([]);
});

test("only the proxies of the target are asked, with the caller's filters", async () => {
  const [hello, world] = [await StandInProxy.join("hello-1"), await StandInProxy.join("world-1")];
  observe({
    target: { type: "pod", namespace: "default", name: "hello-1" },
    to: { type: "deployment", namespace: "default", name: "db" },
    method: "GET",
    pathPrefix: "/api",
    authority: "DB",
    scheme: "http",
  });
  await hello.observed();
  expect(hello.requests).toMatchObject([
    {
      maxRps: 100,
      match: {
        direction: "OUTBOUND",
        method: "GET",
        pathPrefix: "/api",
        authority: "db",
        scheme: "http",
        destination: { namespace: "default", workload: { kind: "deployment", name: "db" } },
      },
    },
  ]);
  expect(world.requests).toEqual([]);
});

test("a proxy that joins later is watched too, and one that leaves is told", async () => {
  await StandInProxy.join("hello-1");
  const tap = observe({ target: ALL });
  await tap.begun();
  const world = await StandInProxy.join("world-1");
  await world.observed();
  await vi.waitFor(() => expect(tap.notes()).toEqual(["proxy default/world-1 joined"]), SOON);
  world.sendRequest(7);
  await vi.waitFor(() => expect(tap.events()).toEqual(["default/world-1 7 request"]), SOON);
  catalog.proxies.leave("default", "world-1");
  await vi.waitFor(() => expect(tap.notes().at(-1)).toBe("proxy default/world-1 went away"), SOON);
  await vi.waitFor(() => expect(world.open).toBe(0), SOON);
});

test("a proxy whose connection is lost is told, and watched again when it is back", async () => {
  const world = await StandInProxy.join("world-1");
  const tap = observe({ target: ALL });
  await world.observed();
  const port = world.stop();
  await vi.waitFor(() => expect(tap.notes()[0]).toMatch(/default\/world-1 cannot be tapped now/), SOON);
  await world.listen(port);
  await vi.waitFor(() => expect(tap.notes().slice(1)).toEqual(["proxy default/world-1 is back"]), SOON);
  world.sendRequest(9);
  await vi.waitFor(() => expect(tap.events()).toEqual(["default/world-1 9 request"]), SOON);
});

test("max_rps holds for all proxies together; what is dropped, here and there, is counted", async () => {
  const proxies = [await StandInProxy.join("hello-1"), await StandInProxy.join("world-1")];
  const tap = observe({ target: ALL, maxRps: 5 });
  for (const proxy of proxies) await proxy.observed();
  for (let id = 1; id <= 100; id++) {
    for (const proxy of proxies) {
      proxy.sendRequest(id, id === 1 ? 10 : 0);
      proxy.send({ requestId: id, direction: "INBOUND", end: {} });
    }
  }
  // One more that is allowed by and by carries what was dropped before it.
  await vi.waitFor(() => {
    proxies[0]?.sendRequest(1_000 + tap.events().length);
    expect(tap.dropped()).toBeGreaterThan(100);
  }, SOON);
  const requests = tap.events().filter((event) => event.endsWith("request"));
  expect(requests.length).toBeLessThan(100);
  const ended = tap.events().filter((event) => event.endsWith("end"));
  for (const end of ended) expect(requests).toContain(end.replace(/end$/, "request"));
});

test("when the caller ends, the proxies are no longer observed", async () => {
  const world = await StandInProxy.join("world-1");
  const tap = observe({ target: ALL });
  await world.observed();
  tap.stop();
  await vi.waitFor(() => expect(world.open).toBe(0), SOON);
  await tap.ended;
});

test("a control plane that ends says so to its callers", async () => {
  await StandInProxy.join("world-1");
  const tap = observe({ target: ALL });
  await tap.begun();
  listener.close();
  await expect(tap.ended).rejects.toMatchObject({
    message: `the control plane at ${listener.address} went away`,
    exitStatus: 1,
  });
});

describe("nothing to tap is refused with what there is", () => {
  test("no such workload", async () => {
    await StandInProxy.join("world-1");
    const tap = observe({ target: { type: "workload", namespace: "default", name: "wrold-1" } });
    await expect(tap.ended).rejects.toMatchObject({
      message: "there is nothing to tap: no workload wrold-1 in namespace default",
      hint: "workload/world-1",
      exitStatus: 1,
    });
  });

  test("nothing in the mesh at all", async () => {
    await expect(observe({ target: ALL }).ended).rejects.toMatchObject({
      hint: expect.stringContaining("mesh proxy run") as string,
    });
  });

  test("a service without proxies: its callers can be tapped", async () => {
    await StandInProxy.join("hello-1");
    catalog.putService({
      namespace: "default",
      name: "legacy",
      ports: [],
      endpoints: { addresses: [{ ip: "192.0.2.1", port: 80 }] },
    });
    const tap = observe({ target: { type: "service", namespace: "default", name: "legacy" } });
    await expect(tap.ended).rejects.toMatchObject({
      message: expect.stringContaining("no instance is in the mesh") as string,
      hint: expect.stringContaining("mesh tap workload/hello-1 --to service/legacy") as string,
    });
  });

  test("sidecars that nobody may watch", async () => {
    catalog.proxies.join({
      ...{
        name: "closed",
        namespace: "default",
        workload: { kind: "workload", name: "closed" },
        version: "1",
      },
      ...{ adminAddress: "", tapAddress: "", outboundAddress: "", inbound: [] },
    });
    const tap = observe({ target: { type: "workload", namespace: "default", name: "closed" } });
    await expect(tap.ended).rejects.toMatchObject({
      message: expect.stringContaining("no sidecar lets anybody watch") as string,
      hint: "mesh stat workload/closed -n default",
    });
  });

  test("a destination without a name", async () => {
    await StandInProxy.join("hello-1");
    const tap = observe({ target: ALL, to: { type: "service", namespace: "default" } });
    await expect(tap.ended).rejects.toMatchObject({ hint: "--to service/NAME", exitStatus: 2 });
  });
});

/** Taps in the background and keeps what comes. */
function observe(request: TapRequest) {
  const responses: TapResponse__Output[] = [];
  const stop = new AbortController();
  cleanups.push(() => stop.abort());
  const ended = (async () => {
    for await (const response of client.tap(request, stop.signal)) responses.push(response);
  })();
  // Tests that expect a failure look at it themselves.
  ended.catch(() => undefined);
  const events = () =>
    responses.flatMap(({ event, proxy }) =>
      event ? [`${proxy} ${event.requestId} ${event.event ?? ""}`] : [],
    );
  return {
    ended,
    events,
    stop: () => stop.abort(),
    notes: () => responses.flatMap(({ note }) => (note ? [note] : [])),
    dropped: () => responses.reduce((sum, { event }) => sum + (event?.dropped ?? 0), 0),
    begun: () => vi.waitFor(() => expect(StandInProxy.open()).toBeGreaterThan(0), SOON),
  };
}

type ObserveCall = ServerWritableStream<ObserveRequest__Output, TapEvent>;

/** The tap listener of a proxy that is in the catalog. */
class StandInProxy {
  static #all: StandInProxy[] = [];
  readonly requests: ObserveRequest__Output[] = [];
  #server = new Server();
  #port = 0;
  readonly #calls = new Set<ObserveCall>();

  static async join(name: string): Promise<StandInProxy> {
    const proxy = new StandInProxy();
    StandInProxy.#all.push(proxy);
    await proxy.listen(0);
    cleanups.push(() => {
      proxy.stop();
      StandInProxy.#all = StandInProxy.#all.filter((other) => other !== proxy);
    });
    catalog.proxies.join({
      name,
      namespace: "default",
      workload: { kind: "workload", name },
      version: "1",
      adminAddress: "",
      tapAddress: `127.0.0.1:${proxy.#port}`,
      outboundAddress: "",
      inbound: [],
    });
    return proxy;
  }

  /** Streams that are open at all of them. */
  static open(): number {
    return StandInProxy.#all.reduce((sum, proxy) => sum + proxy.open, 0);
  }

  get open(): number {
    return this.#calls.size;
  }

  async listen(port: number): Promise<void> {
    this.#server = new Server();
    this.#server.addService(loadProxyTap().mesh.proxy.v1.Tap.service, {
      Observe: (call: ObserveCall) => {
        this.requests.push(call.request);
        this.#calls.add(call);
        call.on("cancelled", () => this.#calls.delete(call));
        call.sendMetadata(call.metadata);
      },
    });
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  /** Breaks every connection. Returns the port. */
  stop(): number {
    this.#server.forceShutdown();
    this.#calls.clear();
    return this.#port;
  }

  observed(): Promise<void> {
    return vi.waitFor(() => expect(this.open).toBe(1), SOON);
  }

  sendRequest(requestId: number, dropped = 0): void {
    this.send({ requestId, dropped, direction: "INBOUND", request: { method: "GET", path: "/" } });
  }

  send(event: TapEvent): void {
    for (const call of this.#calls) call.write(event);
  }
}

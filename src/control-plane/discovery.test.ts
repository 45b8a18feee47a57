import { credentials, status, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Change__Output } from "../../generated/mesh/proxy/v1/Change.js";
import type { DiscoverRequest } from "../../generated/mesh/proxy/v1/DiscoverRequest.js";
import type { DiscoverResponse__Output } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { InboundPolicy__Output } from "../../generated/mesh/proxy/v1/InboundPolicy.js";
import type { Proxy } from "../../generated/mesh/proxy/v1/Proxy.js";
import type { Snapshot__Output } from "../../generated/mesh/proxy/v1/Snapshot.js";
import { Catalog, type SocketAddress } from "../catalog/index.js";
import { loadDiscovery } from "../proto/index.js";
import { discoveryService } from "./discovery.js";
import { listen, type Listener } from "./listen.js";
import { Log } from "./log.js";
import { Presence } from "./presence.js";
import { atItsWord } from "./recognition.js";

/** Short enough for a test to wait for, long enough for a stream to come back within. */
const GRACE_MS = 1_500;

let catalog: Catalog;
let presence: Presence;
let listener: Listener;
let clients: ProxyStream[];
let warnings: string[];

beforeEach(async () => {
  catalog = new Catalog();
  clients = [];
  warnings = [];
  catalog.problems.on("found", ({ message }) => warnings.push(message));
  presence = new Presence(catalog, new Log("text", () => undefined), GRACE_MS);
  const result = await listen({
    address: "127.0.0.1:0",
    flag: "--listen",
    services: [
      discoveryService({
        catalog,
        presence,
        recognize: atItsWord,
        refused: () => undefined,
        defaultPermission: "allow",
      }),
    ],
  });
  if (!result.ok) throw result.error;
  listener = result.value;
});

afterEach(() => {
  for (const client of clients) client.cut();
  presence.stop();
  listener.close();
});

/** A proxy's side of the stream. */
class ProxyStream {
  /** What it was told of targets. */
  readonly messages: DiscoverResponse__Output[] = [];
  /** What it was told of who may call it; before anything else when this is the first. */
  readonly policies: InboundPolicy__Output[] = [];
  error: ServiceError | undefined;
  private readonly client = new (loadDiscovery().mesh.proxy.v1.Discovery)(
    listener.address,
    credentials.createInsecure(),
    // Streams of one test must not share a connection.
    { "grpc.use_local_subchannel_pool": 1 },
  );
  readonly stream: ClientDuplexStream<DiscoverRequest, DiscoverResponse__Output>;

  constructor() {
    clients.push(this);
    this.stream = this.client.discover();
    this.stream.on("data", (message: DiscoverResponse__Output) => {
      if (message.inboundPolicy) this.policies.push(message.inboundPolicy);
      else if (this.policies.length === 0) throw new Error("told of a target before who may call");
      else this.messages.push(message);
    });
    this.stream.on("error", (error: ServiceError) => (this.error = error));
  }

  static of(name: string, proxy: Proxy = {}): ProxyStream {
    const stream = new ProxyStream();
    stream.write({ proxy: { name, namespace: "default", adminAddress: `127.0.0.1:1`, ...proxy } });
    return stream;
  }

  write(request: DiscoverRequest): void {
    this.stream.write(request);
  }

  async subscribe(authority: string): Promise<Snapshot__Output> {
    const before = this.messages.length;
    this.write({ subscribe: { target: { authority } } });
    const message = await this.message(before);
    if (!message.snapshot) throw new Error("expected a snapshot");
    return message.snapshot;
  }

  async message(index: number): Promise<DiscoverResponse__Output> {
    return soon(() => {
      const message = this.messages[index];
      if (!message) throw new Error(`no message ${index} (${this.error?.message ?? "no error"})`);
      return message;
    });
  }

  async change(index: number): Promise<Change__Output> {
    const { change } = await this.message(index);
    if (!change) throw new Error("expected a change");
    return change;
  }

  /** The connection breaks. */
  cut(): void {
    this.stream.cancel();
    this.client.close();
  }
}

const soon = <T>(check: () => T) => vi.waitFor(check, { timeout: 60_000, interval: 5 });

const address = (port: number): SocketAddress => ({ ip: "127.0.0.1", port });

const putEntry = (name: string, ...ports: number[]) =>
  catalog.putService({ namespace: "default", name, ports: [], endpoints: { addresses: ports.map(address) } });

const putInstance = (name: string, ip: string, labels = { app: "web" }, namespace = "default") =>
  catalog.putInstance({
    namespace,
    name,
    workload: { kind: "deployment", name: "web" },
    labels,
    addresses: [ip],
    ports: { http: 9000 },
  });

const putService = (
  name: string,
  ports = [{ port: 80, target: "http" as string | number }],
  namespace = "default",
) => catalog.putService({ namespace, name, ports, endpoints: { selector: { app: "web" } } });

const ports = (endpoints: { address: { port: number } | null }[]) =>
  endpoints.map((e) => e.address?.port).sort();

describe("a stream", () => {
  test("gives a snapshot once, then only what changes", async () => {
    putEntry("web", 1, 2);
    const proxy = ProxyStream.of("p");
    const snapshot = await proxy.subscribe("web:80");
    expect(snapshot).toMatchObject({
      target: { authority: "web:80" },
      service: { namespace: "default", name: "web", port: 0 },
    });
    expect(ports(snapshot.endpoints)).toEqual([1, 2]);
    expect(snapshot.endpoints[0]).toMatchObject({ workload: null, pod: "", meshed: false });
    putEntry("web", 2, 3);
    expect(await proxy.change(1)).toMatchObject({
      target: { authority: "web:80" },
      added: [{ address: address(3) }],
      removed: [address(1)],
    });
  });

  test("tells when a service appears and disappears", async () => {
    const proxy = ProxyStream.of("p");
    expect(await proxy.subscribe("web")).toMatchObject({ service: null, endpoints: [] });
    putEntry("web", 1);
    expect(await proxy.message(1)).toMatchObject({
      snapshot: { service: { name: "web" }, endpoints: [{ address: address(1) }] },
    });
    catalog.removeService("default", "web");
    expect(await proxy.message(2)).toMatchObject({ snapshot: { service: null, endpoints: [] } });
  });

  test("answers for the address of a service, and not for one that nobody has", async () => {
    const [service, port] = ["10.96.0.7", 80];
    const endpoints = { addresses: [address(1)] };
    catalog.putService({
      namespace: "default",
      name: "web",
      addresses: [service],
      ports: [{ port, target: port }],
      endpoints,
    });
    const proxy = ProxyStream.of("p");
    for (const ip of [service, "10.96.0.8"]) {
      proxy.write({ subscribe: { target: { originalDestination: { ip, port } } } });
    }
    const target = (ip: string) => ({ target: "originalDestination", originalDestination: { ip, port } });
    expect(await proxy.message(0)).toMatchObject({
      snapshot: { target: target(service), service: { name: "web" }, endpoints: [{ address: address(1) }] },
    });
    expect(await proxy.message(1)).toMatchObject({
      snapshot: { target: target("10.96.0.8"), service: null, endpoints: [] },
    });
    catalog.putService({
      namespace: "default",
      name: "web",
      addresses: [service],
      ports: [{ port, target: port }],
      endpoints: { addresses: [address(2)] },
    });
    expect(await proxy.change(2)).toMatchObject({
      target: target(service),
      added: [{ address: address(2) }],
    });
    proxy.write({ unsubscribe: { target: { originalDestination: { ip: service, port } } } });
    await proxy.subscribe("marker");
    catalog.removeService("default", "web");
    await proxy.subscribe("another");
    expect(proxy.messages).toHaveLength(5);
  });

  test("tells no more of what was unsubscribed", async () => {
    putEntry("web", 1);
    putEntry("other", 1);
    const proxy = ProxyStream.of("p");
    await proxy.subscribe("web");
    await proxy.subscribe("other");
    proxy.write({ unsubscribe: { target: { authority: "web" } } });
    proxy.write({ subscribe: { target: { authority: "marker" } } });
    await proxy.message(2);
    putEntry("web", 2);
    putEntry("other", 2);
    expect(await proxy.change(3)).toMatchObject({ target: { authority: "other" } });
    expect(proxy.messages).toHaveLength(4);
  });

  test("says nothing when nothing that it knows has changed", async () => {
    putService("web");
    putInstance("web-1", "127.0.0.1");
    const proxy = ProxyStream.of("p");
    await proxy.subscribe("web");
    putService("web");
    putInstance("web-1", "127.0.0.1", { app: "web", other: "label" } as never);
    putInstance("else", "127.0.0.9", { app: "else" });
    putInstance("web-2", "127.0.0.2", { app: "web" }, "elsewhere");
    putInstance("web-3", "127.0.0.3");
    catalog.removeInstance("default", "web-3");
    putInstance("web-4", "127.0.0.4");
    expect((await proxy.change(1)).added).toMatchObject([{ address: { ip: "127.0.0.4" } }]);
    expect(proxy.messages).toHaveLength(2);
  });

  test.each<[string, DiscoverRequest]>([
    ["a subscription first", { subscribe: { target: { authority: "web" } } }],
    ["nothing first", {}],
    ["a proxy without a name", { proxy: { namespace: "default" } }],
    ["a proxy without a namespace", { proxy: { name: "p" } }],
  ])("that begins with %s ends with INVALID_ARGUMENT", async (_what, request) => {
    const proxy = new ProxyStream();
    proxy.write(request);
    await soon(() => expect(proxy.error?.code).toBe(status.INVALID_ARGUMENT));
    expect([...catalog.proxies]).toEqual([]);
    expect(presence.connected).toBe(0);
  });

  test("that names its proxy twice ends with INVALID_ARGUMENT", async () => {
    const proxy = ProxyStream.of("p");
    proxy.write({ proxy: { name: "q", namespace: "default" } });
    await soon(() => expect(proxy.error?.code).toBe(status.INVALID_ARGUMENT));
    await soon(() => expect(presence.connected).toBe(0));
  });

  test("that is not read gets the latest state when it is, not every step on the way", async () => {
    putEntry("web", 1);
    const proxy = ProxyStream.of("p");
    await proxy.subscribe("web");
    proxy.stream.pause();
    const steps = 3_000;
    // Enough to fill every buffer on the way many times over.
    const crowd = Array.from({ length: 300 }, (_, i) => 10_000 + i);
    for (let i = 0; i < steps; i++) {
      putEntry("web", 2 + (i % 2), ...(i % 2 === 0 ? crowd : []));
      await new Promise(setImmediate);
    }
    putEntry("web", 1, 9);
    proxy.stream.resume();
    const known = new Set<number | undefined>([1]);
    await soon(() => {
      for (const { change } of proxy.messages.slice(1)) {
        for (const { address: added } of change?.added ?? []) known.add(added?.port);
        for (const removed of change?.removed ?? []) known.delete(removed.port);
      }
      expect([...known].sort()).toEqual([1, 9]);
    });
    expect(proxy.messages.length).toBeLessThan(steps / 2);
  });
});

describe("an authority", () => {
  test.each<[authority: string, from: string, service: string | undefined]>([
    ["web", "prod", "prod/web:80"],
    ["WEB.", "prod", "prod/web:80"],
    ["web:80", "prod", "prod/web:80"],
    ["web:81", "prod", "prod/web:81"],
    ["web:82", "prod", undefined],
    ["web", "default", undefined],
    ["web.prod", "default", "prod/web:80"],
    ["web.prod.svc", "default", "prod/web:80"],
    ["Web.Prod.svc.cluster.local.:81", "default", "prod/web:81"],
    ["web.prod.svc.other", "default", undefined],
    ["single", "prod", "prod/single:8080"],
    ["single:8080", "prod", "prod/single:8080"],
    ["single:80", "prod", undefined],
    ["neither", "prod", undefined],
    ["neither:2", "prod", "prod/neither:2"],
    ["entry", "prod", "default/entry:0"],
    ["Entry.:1234", "default", "default/entry:0"],
    ["dotted.name:1", "prod", "default/dotted.name:0"],
    ["plain", "prod", undefined],
    ["127.0.0.1:80", "prod", undefined],
    ["", "prod", undefined],
    ["a b", "prod", undefined],
    ["entry:99999", "prod", undefined],
  ])("%j from %s means %s", (authority, from, service) => {
    const target = (port: number) => ({ port, target: port });
    putService("web", [target(80), target(81)], "prod");
    putService("single", [target(8080)], "prod");
    putService("neither", [target(1), target(2)], "prod");
    putService("plain", [target(80)], "default");
    putEntry("entry", 1);
    putEntry("dotted.name", 1);
    const found = catalog
      .watch(authority, from, { replaced: () => undefined, changed: () => undefined })
      .service();
    expect(found && `${found.namespace}/${found.name}:${found.port}`).toBe(service);
  });

  test("passes to a nearer service when one appears", async () => {
    putEntry("web", 1);
    const proxy = ProxyStream.of("p", { namespace: "prod" });
    expect(await proxy.subscribe("web")).toMatchObject({ service: { namespace: "default" } });
    putService("web", [{ port: 80, target: 9000 }], "prod");
    expect(await proxy.message(1)).toMatchObject({
      snapshot: { service: { namespace: "prod", port: 80 }, endpoints: [] },
    });
  });
});

describe("proxies", () => {
  const web1: Proxy = {
    workload: { kind: "deployment", name: "web" },
    version: "1",
    adminAddress: "127.0.0.1:4191",
    tapAddress: "0.0.0.0:4190",
    inbound: [{ address: "127.0.0.1:1", application: "127.0.0.1:9" }],
  };

  test("own the endpoints at their inbound addresses while they are there", async () => {
    putEntry("web", 1, 2);
    const client = ProxyStream.of("client");
    await client.subscribe("web");
    const sidecar = ProxyStream.of("web-1", web1);
    expect(await client.change(1)).toMatchObject({
      added: [
        { address: address(1), workload: { kind: "deployment", name: "web" }, pod: "web-1", meshed: true },
      ],
      removed: [],
    });
    expect(catalog.proxies.get("default", "web-1")?.tapAddress).toBe("127.0.0.1:4190");
    expect(catalog.sidecarsOf({ type: "service", namespace: "default", name: "web" })).toMatchObject([
      { name: "web-1" },
    ]);
    sidecar.stream.end();
    expect(await client.change(2)).toMatchObject({
      added: [{ address: address(1), workload: { name: "web" }, pod: "web-1", meshed: false }],
      removed: [],
    });
    expect(catalog.proxies.get("default", "web-1")).toBeUndefined();
  });

  test("whose stream breaks for a moment are no news; those that stay away are", async () => {
    putEntry("web", 1);
    const first = ProxyStream.of("web-1", web1);
    await soon(() => expect(catalog.proxies.size).toBe(1));
    const client = ProxyStream.of("client");
    expect(await client.subscribe("web")).toMatchObject({ endpoints: [{ meshed: true }] });
    const events: string[] = [];
    catalog.proxies.on("joined", ({ name }) => events.push(`${name} joined`));
    catalog.proxies.on("left", ({ name }) => events.push(`${name} left`));
    first.cut();
    await soon(() => expect(presence.connected).toBe(1));
    const second = ProxyStream.of("web-1", web1);
    await soon(() => expect(presence.connected).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 2 * GRACE_MS));
    expect(events).toEqual([]);
    expect(client.messages).toHaveLength(1);
    second.cut();
    await soon(() => expect(events).toEqual(["web-1 left"]));
    expect(await client.change(1)).toMatchObject({ added: [{ meshed: false }] });
  });

  test("of one name: the newest counts, with a warning, until one goes", async () => {
    const first = ProxyStream.of("web-1", web1);
    await soon(() => expect(catalog.proxies.size).toBe(1));
    const second = ProxyStream.of("web-1", { ...web1, adminAddress: "127.0.0.1:5191" });
    await soon(() => expect(catalog.proxies.get("default", "web-1")?.adminAddress).toBe("127.0.0.1:5191"));
    expect(warnings).toEqual([expect.stringContaining("2 proxies call themselves default/web-1")]);
    expect(await first.subscribe("none")).toMatchObject({ service: null });
    second.stream.end();
    await soon(() => expect(catalog.proxies.get("default", "web-1")?.adminAddress).toBe("127.0.0.1:4191"));
    expect(catalog.problems.list()).toEqual([]);
  });

  test("count for workloads, pods, services and namespaces", async () => {
    putService("web");
    putInstance("web-1", "127.0.0.1");
    putInstance("web-2", "127.0.0.2");
    putEntry("hello", 1, 2);
    ProxyStream.of("sidecar-of-1", { ...web1, inbound: [{ address: "127.0.0.1:9000", application: "" }] });
    await soon(() => expect(catalog.proxies.size).toBe(1));
    const list = (type: string) =>
      catalog
        .resources({ type, namespace: "", name: "" })
        .map((r) => `${r.type} ${r.namespace}/${r.name} ${r.meshedPods}/${r.pods}`);
    expect(list("service")).toEqual(["service default/hello 0/2", "service default/web 1/2"]);
    expect(list("workload")).toEqual(["deployment default/web 1/2"]);
    expect(list("pod")).toEqual(["pod default/sidecar-of-1 1/1", "pod default/web-2 0/1"]);
    expect(list("namespace")).toEqual(["namespace /default 1/2"]);
    expect(list("all")).toHaveLength(5);
    expect(list("statefulset")).toEqual([]);
  });
});

describe("who may call a proxy's workload", () => {
  const permit = (name: string, namespace = "default") =>
    catalog.putPermission({
      ...{ namespace, name, origin: { source: "file", line: 1 } },
      spec: {
        action: "DENY",
        ports: [80],
        http: [{ pathPrefix: "/admin" }],
        from: [{ cidrs: ["10.0.0.0/8"] }],
      },
    });
  const policy = (proxy: ProxyStream, index: number) =>
    soon(() => {
      const told = proxy.policies[index];
      if (!told) throw new Error(`no policy ${index}`);
      return told;
    });

  test("is told at once, and whole again when it changes, to proxies that it concerns alone", async () => {
    permit("b");
    const proxy = ProxyStream.of("p");
    const elsewhere = ProxyStream.of("p", { namespace: "other" });
    expect(await policy(proxy, 0)).toEqual({
      defaultAction: "ALLOW",
      permissions: [
        {
          ...{ namespace: "default", name: "b", action: "DENY", ports: [80] },
          http: [{ methods: [], pathPrefix: "/admin" }],
          from: [expect.objectContaining({ cidrs: ["10.0.0.0/8"], identities: [], nobody: false })],
        },
      ],
    });
    expect(await policy(elsewhere, 0)).toMatchObject({ permissions: [] });
    permit("a");
    catalog.removePermission("default", "b");
    permit("c");
    expect((await policy(proxy, 1)).permissions.map(({ name }) => name)).toEqual(["a", "c"]);
    permit("c");
    permit("d", "other");
    expect((await policy(elsewhere, 1)).permissions.map(({ name }) => name)).toEqual(["d"]);
    await elsewhere.subscribe("none");
    await proxy.subscribe("none");
    expect([proxy.policies.length, elsewhere.policies.length]).toEqual([2, 2]);
  });
});

test("a change costs messages to those who subscribed to it, and to nobody else", async () => {
  const services = 1_000;
  const streams = 200;
  const each = 5;
  const addresses = (service: number, shift = 0) =>
    Array.from({ length: 10 }, (_, i) => ({
      ip: `10.${service >> 8}.${service & 255}.${i + 1 + shift}`,
      port: 80,
    }));
  const put = (service: number, shift = 0) =>
    catalog.putService({
      namespace: "default",
      name: `s${service}`,
      ports: [],
      endpoints: { addresses: addresses(service, shift) },
    });
  for (let service = 0; service < services; service++) put(service);
  // Stream i asks for s(i) … s(i+4): service 100 has 5 subscribers, service 999 has none.
  const proxies = Array.from({ length: streams }, (_, i) => {
    const proxy = ProxyStream.of(`p${i}`);
    for (let k = 0; k < each; k++) proxy.write({ subscribe: { target: { authority: `s${i + k}` } } });
    return proxy;
  });
  const received = () => proxies.reduce((sum, { messages }) => sum + messages.length, 0);
  await soon(() => expect(received()).toBe(streams * each));
  put(999, 1);
  put(100, 1);
  await soon(() => expect(received()).toBe(streams * each + each));
  const marker = proxies[199];
  await marker?.subscribe("marker");
  expect(received()).toBe(streams * each + each + 1);
  const changed = proxies.flatMap((proxy, i) =>
    proxy.messages.length > each && proxy !== marker ? [i] : [],
  );
  expect(changed).toEqual([96, 97, 98, 99, 100]);
  for (const messages of changed.map((i) => proxies[i]?.messages ?? [])) {
    expect(messages[each]?.change).toMatchObject({
      added: [{ address: { ip: "10.0.100.11" } }],
      removed: [{ ip: "10.0.100.1" }],
    });
  }
}, 60_000);

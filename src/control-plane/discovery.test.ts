import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiscoverRequest } from "../../generated/mesh/proxy/v1/DiscoverRequest.js";
import { address, RunningDiscovery, soon } from "../../test/control-plane/running-discovery.js";

let discovery: RunningDiscovery;

beforeEach(async () => {
  discovery = await RunningDiscovery.start();
});
afterEach(() => discovery.stop());

const ports = (endpoints: { address: { port: number } | null }[]) =>
  endpoints.map((e) => e.address?.port).sort();

describe("a stream", () => {
  test("gives a snapshot once, then only what changes", async () => {
    discovery.putEntry("web", 1, 2);
    const proxy = discovery.proxy("p");
    const snapshot = await proxy.subscribe("web:80");
    expect(snapshot).toMatchObject({
      target: { authority: "web:80" },
      service: { namespace: "default", name: "web", port: 0 },
    });
    expect(ports(snapshot.endpoints)).toEqual([1, 2]);
    expect(snapshot.endpoints[0]).toMatchObject({ workload: null, pod: "", meshed: false });
    discovery.putEntry("web", 2, 3);
    expect(await proxy.change(1)).toMatchObject({
      target: { authority: "web:80" },
      added: [{ address: address(3) }],
      removed: [address(1)],
    });
  });

  test("tells when a service appears and disappears", async () => {
    const proxy = discovery.proxy("p");
    expect(await proxy.subscribe("web")).toMatchObject({ service: null, endpoints: [] });
    discovery.putEntry("web", 1);
    expect(await proxy.message(1)).toMatchObject({
      snapshot: { service: { name: "web" }, endpoints: [{ address: address(1) }] },
    });
    discovery.catalog.removeService("default", "web");
    expect(await proxy.message(2)).toMatchObject({ snapshot: { service: null, endpoints: [] } });
  });

  test("answers for the address of a service, and not for one that nobody has", async () => {
    const [service, port] = ["10.96.0.7", 80];
    const endpoints = { addresses: [address(1)] };
    discovery.catalog.putService({
      namespace: "default",
      name: "web",
      addresses: [service],
      ports: [{ port, target: port }],
      endpoints,
    });
    const proxy = discovery.proxy("p");
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
    discovery.catalog.putService({
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
    discovery.catalog.removeService("default", "web");
    await proxy.subscribe("another");
    expect(proxy.messages).toHaveLength(5);
  });

  test("tells no more of what was unsubscribed", async () => {
    discovery.putEntry("web", 1);
    discovery.putEntry("other", 1);
    const proxy = discovery.proxy("p");
    await proxy.subscribe("web");
    await proxy.subscribe("other");
    proxy.write({ unsubscribe: { target: { authority: "web" } } });
    proxy.write({ subscribe: { target: { authority: "marker" } } });
    await proxy.message(2);
    discovery.putEntry("web", 2);
    discovery.putEntry("other", 2);
    expect(await proxy.change(3)).toMatchObject({ target: { authority: "other" } });
    expect(proxy.messages).toHaveLength(4);
  });

  test("says nothing when nothing that it knows has changed", async () => {
    discovery.putService("web");
    discovery.putInstance("web-1", "127.0.0.1");
    const proxy = discovery.proxy("p");
    await proxy.subscribe("web");
    discovery.putService("web");
    discovery.putInstance("web-1", "127.0.0.1", { app: "web", other: "label" } as never);
    discovery.putInstance("else", "127.0.0.9", { app: "else" });
    discovery.putInstance("web-2", "127.0.0.2", { app: "web" }, "elsewhere");
    discovery.putInstance("web-3", "127.0.0.3");
    discovery.catalog.removeInstance("default", "web-3");
    discovery.putInstance("web-4", "127.0.0.4");
    expect((await proxy.change(1)).added).toMatchObject([{ address: { ip: "127.0.0.4" } }]);
    expect(proxy.messages).toHaveLength(2);
  });

  test.each<[string, DiscoverRequest]>([
    ["a subscription first", { subscribe: { target: { authority: "web" } } }],
    ["nothing first", {}],
    ["a proxy without a name", { proxy: { namespace: "default" } }],
    ["a proxy without a namespace", { proxy: { name: "p" } }],
  ])("that begins with %s ends with INVALID_ARGUMENT", async (_what, request) => {
    const proxy = discovery.stream();
    proxy.write(request);
    await soon(() => expect(proxy.error?.code).toBe(status.INVALID_ARGUMENT));
    expect([...discovery.catalog.proxies]).toEqual([]);
    expect(discovery.presence.connected).toBe(0);
  });

  test("that names its proxy twice ends with INVALID_ARGUMENT", async () => {
    const proxy = discovery.proxy("p");
    proxy.write({ proxy: { name: "q", namespace: "default" } });
    await soon(() => expect(proxy.error?.code).toBe(status.INVALID_ARGUMENT));
    await soon(() => expect(discovery.presence.connected).toBe(0));
  });

  test("that is not read gets the latest state when it is, not every step on the way", async () => {
    discovery.putEntry("web", 1);
    const proxy = discovery.proxy("p");
    await proxy.subscribe("web");
    proxy.stream.pause();
    const steps = 3_000;
    // Enough to fill every buffer on the way many times over.
    const crowd = Array.from({ length: 300 }, (_, i) => 10_000 + i);
    for (let i = 0; i < steps; i++) {
      discovery.putEntry("web", 2 + (i % 2), ...(i % 2 === 0 ? crowd : []));
      await new Promise(setImmediate);
    }
    discovery.putEntry("web", 1, 9);
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
    discovery.putService("web", [target(80), target(81)], "prod");
    discovery.putService("single", [target(8080)], "prod");
    discovery.putService("neither", [target(1), target(2)], "prod");
    discovery.putService("plain", [target(80)], "default");
    discovery.putEntry("entry", 1);
    discovery.putEntry("dotted.name", 1);
    const found = discovery.catalog
      .watch(authority, from, { replaced: () => undefined, changed: () => undefined })
      .service();
    expect(found && `${found.namespace}/${found.name}:${found.port}`).toBe(service);
  });

  test("passes to a nearer service when one appears", async () => {
    discovery.putEntry("web", 1);
    const proxy = discovery.proxy("p", { namespace: "prod" });
    expect(await proxy.subscribe("web")).toMatchObject({ service: { namespace: "default" } });
    discovery.putService("web", [{ port: 80, target: 9000 }], "prod");
    expect(await proxy.message(1)).toMatchObject({
      snapshot: { service: { namespace: "prod", port: 80 }, endpoints: [] },
    });
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
    discovery.catalog.putService({
      namespace: "default",
      name: `s${service}`,
      ports: [],
      endpoints: { addresses: addresses(service, shift) },
    });
  for (let service = 0; service < services; service++) put(service);
  // Stream i asks for s(i) … s(i+4): service 100 has 5 subscribers, service 999 has none.
  const proxies = Array.from({ length: streams }, (_, i) => {
    const proxy = discovery.proxy(`p${i}`);
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

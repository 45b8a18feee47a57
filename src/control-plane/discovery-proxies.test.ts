import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Proxy } from "../../generated/mesh/proxy/v1/Proxy.js";
import {
  address,
  GRACE_MS,
  type ProxyStream,
  RunningDiscovery,
  soon,
} from "../../test/control-plane/running-discovery.js";

let discovery: RunningDiscovery;

beforeEach(async () => {
  discovery = await RunningDiscovery.start();
});
afterEach(() => discovery.stop());

describe("proxies", () => {
  const web1: Proxy = {
    workload: { kind: "deployment", name: "web" },
    version: "1",
    adminAddress: "127.0.0.1:4191",
    tapAddress: "0.0.0.0:4190",
    inbound: [{ address: "127.0.0.1:1", application: "127.0.0.1:9" }],
  };

  test("own the endpoints at their inbound addresses while they are there", async () => {
    discovery.putEntry("web", 1, 2);
    const client = discovery.proxy("client");
    await client.subscribe("web");
    const sidecar = discovery.proxy("web-1", web1);
    expect(await client.change(1)).toMatchObject({
      added: [
        { address: address(1), workload: { kind: "deployment", name: "web" }, pod: "web-1", meshed: true },
      ],
      removed: [],
    });
    expect(discovery.catalog.proxies.get("default", "web-1")?.tapAddress).toBe("127.0.0.1:4190");
    expect(
      discovery.catalog.sidecarsOf({ type: "service", namespace: "default", name: "web" }),
    ).toMatchObject([{ name: "web-1" }]);
    sidecar.stream.end();
    expect(await client.change(2)).toMatchObject({
      added: [{ address: address(1), workload: { name: "web" }, pod: "web-1", meshed: false }],
      removed: [],
    });
    expect(discovery.catalog.proxies.get("default", "web-1")).toBeUndefined();
  });

  test("whose stream breaks for a moment are no news; those that stay away are", async () => {
    discovery.putEntry("web", 1);
    const first = discovery.proxy("web-1", web1);
    await soon(() => expect(discovery.catalog.proxies.size).toBe(1));
    const client = discovery.proxy("client");
    expect(await client.subscribe("web")).toMatchObject({ endpoints: [{ meshed: true }] });
    const events: string[] = [];
    discovery.catalog.proxies.on("joined", ({ name }) => events.push(`${name} joined`));
    discovery.catalog.proxies.on("left", ({ name }) => events.push(`${name} left`));
    first.cut();
    await soon(() => expect(discovery.presence.connected).toBe(1));
    const second = discovery.proxy("web-1", web1);
    await soon(() => expect(discovery.presence.connected).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 2 * GRACE_MS));
    expect(events).toEqual([]);
    expect(client.messages).toHaveLength(1);
    second.cut();
    await soon(() => expect(events).toEqual(["web-1 left"]));
    expect(await client.change(1)).toMatchObject({ added: [{ meshed: false }] });
  });

  test("of one name: the newest counts, with a warning, until one goes", async () => {
    const first = discovery.proxy("web-1", web1);
    await soon(() => expect(discovery.catalog.proxies.size).toBe(1));
    const second = discovery.proxy("web-1", { ...web1, adminAddress: "127.0.0.1:5191" });
    await soon(() =>
      expect(discovery.catalog.proxies.get("default", "web-1")?.adminAddress).toBe("127.0.0.1:5191"),
    );
    expect(discovery.warnings).toEqual([expect.stringContaining("2 proxies call themselves default/web-1")]);
    expect(await first.subscribe("none")).toMatchObject({ service: null });
    second.stream.end();
    await soon(() =>
      expect(discovery.catalog.proxies.get("default", "web-1")?.adminAddress).toBe("127.0.0.1:4191"),
    );
    expect(discovery.catalog.problems.list()).toEqual([]);
  });

  test("count for workloads, pods, services and namespaces", async () => {
    discovery.putService("web");
    discovery.putInstance("web-1", "127.0.0.1");
    discovery.putInstance("web-2", "127.0.0.2");
    discovery.putEntry("hello", 1, 2);
    discovery.proxy("sidecar-of-1", { ...web1, inbound: [{ address: "127.0.0.1:9000", application: "" }] });
    await soon(() => expect(discovery.catalog.proxies.size).toBe(1));
    const list = (type: string) =>
      discovery.catalog
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
    discovery.catalog.putPermission({
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
    const proxy = discovery.proxy("p");
    const elsewhere = discovery.proxy("p", { namespace: "other" });
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
    discovery.catalog.removePermission("default", "b");
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

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type ApiServer, startApiServer, type Watch } from "../../../test/kubernetes/api-server.js";
import { Catalog, formatAddress, type Target } from "../../catalog/index.js";
import { Cluster } from "../../kubernetes/index.js";
import { startKubernetesRegistry, type KubernetesRegistry } from "./index.js";

const DEADLINE = { timeout: 60_000, interval: 20 };

let server: ApiServer;
let catalog: Catalog;
let cluster: Cluster;
let registry: KubernetesRegistry | undefined;
/** What the lists have, and the open watches, by the last part of the path. */
let lists: Record<string, object[]>;
let watches: Map<string, Watch>;

beforeAll(async () => {
  server = await startApiServer(({ path, query }) => {
    const plural = path.split("/").at(-1) ?? "";
    if (query.get("watch") === "true") return { watch: (watch) => void watches.set(plural, watch) };
    return { body: { metadata: { resourceVersion: "1" }, items: lists[plural] ?? [] } };
  });
});
beforeEach(async () => {
  const opened = await Cluster.open({ kubeconfig: server.kubeconfig }, { HOME: "/nonexistent" });
  if (!opened.ok) throw opened.error;
  cluster = opened.value;
  catalog = new Catalog();
  lists = {};
  watches = new Map();
});
afterEach(() => {
  registry?.stop();
  cluster.close();
});
afterAll(() => server.stop());

async function start(): Promise<void> {
  registry = startKubernetesRegistry(cluster, catalog);
  await registry.complete;
  await vi.waitFor(() => expect(watches.size).toBe(3), DEADLINE);
}

const meta = (name: string, more: object = {}) => ({
  name,
  namespace: "shop",
  resourceVersion: "2",
  ...more,
});

function service(name: string, spec: object = {}) {
  const ports = [{ name: "http", port: 80 }];
  return {
    metadata: meta(name),
    spec: { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"], ports, ...spec },
  };
}

interface EndpointFacts {
  ip: string;
  pod?: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}

function slice(name: string, of: string, endpoints: EndpointFacts[], ports: object[] | null = SLICE_PORTS) {
  return {
    metadata: meta(name, { labels: { "kubernetes.io/service-name": of } }),
    addressType: "IPv4",
    ports,
    endpoints: endpoints.map(({ ip, pod: target, ...conditions }) => ({
      addresses: [ip],
      conditions,
      ...(target !== undefined && { targetRef: { kind: "Pod", name: target, namespace: "shop" } }),
    })),
  };
}
const SLICE_PORTS = [{ name: "http", port: 8080, protocol: "TCP" }];

function pod(name: string, ip: string, more: object = {}) {
  return {
    metadata: meta(name, {
      labels: { app: "web", "pod-template-hash": "5d8f" },
      ownerReferences: [{ kind: "ReplicaSet", name: "web-5d8f", controller: true }],
      ...more,
    }),
    spec: { containers: [{ ports: [{ name: "http", containerPort: 8080 }] }] },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
  };
}

const send = (plural: string, type: string, object: object) => watches.get(plural)?.send({ type, object });

/** Follows an authority as proxies of a namespace see it. */
function target(authority: string, namespace = "shop"): Target {
  return catalog.watch(authority, namespace, { replaced: () => undefined, changed: () => undefined });
}

const addresses = (of: Target) =>
  of.service() &&
  of
    .endpoints()
    .map(({ address }) => formatAddress(address))
    .sort();

const becomes = (of: Target, expected: string[] | undefined) =>
  vi.waitFor(() => expect(addresses(of)).toEqual(expected), DEADLINE);

describe("a service of a cluster", () => {
  test("is reached by the names of the cluster's DNS and by its address, at the pods that its slices name", async () => {
    lists = {
      services: [service("web")],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x", ready: true }])],
      pods: [pod("web-5d8f-x", "10.1.0.1")],
    };
    await start();
    for (const name of ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local:80"]) {
      expect(addresses(target(name))).toEqual(["10.1.0.1:8080"]);
    }
    expect(target("web").endpoints()).toMatchObject([
      { pod: "web-5d8f-x", workload: { kind: "deployment", name: "web" }, namespace: "shop" },
    ]);
    expect(addresses(target("web:81"))).toBeUndefined();
    expect(addresses(target("web", "other"))).toBeUndefined();
    const byAddress = catalog.watchOriginal(
      { ip: "10.96.0.7", port: 80 },
      { replaced: vi.fn(), changed: vi.fn() },
    );
    expect(byAddress.service()).toMatchObject({ name: "web", port: 80 });
    const byPod = catalog.watchOriginal({ ip: "10.1.0.1", port: 9 }, { replaced: vi.fn(), changed: vi.fn() });
    expect(byPod.endpoints()).toMatchObject([{ pod: "web-5d8f-x" }]);
  });

  test("follows its slices, several of them, in whatever order things come", async () => {
    await start();
    const web = target("web");
    expect(addresses(web)).toBeUndefined();
    send("endpointslices", "ADDED", slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x" }]));
    send("services", "ADDED", service("web"));
    await becomes(web, ["10.1.0.1:8080"]);
    send("endpointslices", "ADDED", slice("web-2", "web", [{ ip: "10.1.0.2" }]));
    await becomes(web, ["10.1.0.1:8080", "10.1.0.2:8080"]);
    send("pods", "ADDED", pod("web-5d8f-x", "10.1.0.1"));
    await vi.waitFor(
      () => expect(web.endpoints()).toMatchObject([{ pod: "web-5d8f-x" }, { pod: "" }]),
      DEADLINE,
    );
    send("endpointslices", "DELETED", slice("web-1", "web", []));
    await becomes(web, ["10.1.0.2:8080"]);
    send("services", "DELETED", service("web"));
    await becomes(web, undefined);
  });

  test("keeps an endpoint that drains only while no other is ready", async () => {
    const draining = { ip: "10.1.0.1", ready: false, serving: true, terminating: true };
    lists = { services: [service("web")], endpointslices: [slice("web-1", "web", [draining])] };
    await start();
    const web = target("web");
    expect(addresses(web)).toEqual(["10.1.0.1:8080"]);
    send("endpointslices", "MODIFIED", slice("web-1", "web", [draining, { ip: "10.1.0.2", ready: true }]));
    await becomes(web, ["10.1.0.2:8080"]);
    send("endpointslices", "MODIFIED", slice("web-1", "web", [{ ...draining, serving: false }]));
    await becomes(web, []);
  });

  test("has each of its ports served by the slice's port of that name", async () => {
    const ports = [
      { name: "http", port: 80 },
      { name: "admin", port: 9000 },
      { name: "dns", port: 53, protocol: "UDP" },
    ];
    const targets = [
      ...SLICE_PORTS,
      { name: "admin", port: 8081 },
      { name: "dns", port: 53, protocol: "UDP" },
    ];
    lists = {
      services: [service("web", { ports })],
      endpointslices: [
        slice("web-1", "web", [{ ip: "10.1.0.1" }], targets),
        slice("web-2", "web", [{ ip: "10.1.0.2" }], SLICE_PORTS),
      ],
    };
    await start();
    expect(addresses(target("web:80"))).toEqual(["10.1.0.1:8080", "10.1.0.2:8080"]);
    expect(addresses(target("web:9000"))).toEqual(["10.1.0.1:8081"]);
    expect(addresses(target("web:53"))).toBeUndefined();
  });

  test.each([
    ["headless", { clusterIP: "None", clusterIPs: ["None"] }, ["10.1.0.1:8080"]],
    ["of two families", { clusterIPs: ["10.96.0.7", "fd00::7"] }, ["10.1.0.1:8080"]],
    ["an alias in the DNS", { type: "ExternalName", externalName: "example.com" }, undefined],
    ["without TCP ports", { ports: [{ port: 53, protocol: "UDP" }] }, undefined],
  ])("that is %s", async (_, spec, expected) => {
    lists = {
      services: [service("web", spec)],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1" }]), slice("web-2", "web", [], null)],
    };
    await start();
    expect(addresses(target("web"))).toEqual(expected);
    if ("clusterIPs" in spec && spec.clusterIPs.length === 2) {
      const six = catalog.watchOriginal({ ip: "fd00::7", port: 80 }, { replaced: vi.fn(), changed: vi.fn() });
      expect(six.service()).toMatchObject({ name: "web" });
    }
  });
});

describe("a pod", () => {
  const workload = () => catalog.resources({ type: "workload", namespace: "", name: "" });

  test.each([
    ["of a Deployment", {}, { type: "deployment", name: "web" }],
    [
      "of a StatefulSet",
      { ownerReferences: [{ kind: "StatefulSet", name: "db", controller: true }] },
      { type: "statefulset", name: "db" },
    ],
    ["of a ReplicaSet that nobody made", { labels: {} }, { type: "replicaset", name: "web-5d8f" }],
    ["of its own", { ownerReferences: [] }, { type: "pod", name: "one" }],
  ])("%s belongs to it", async (_, more, expected) => {
    lists = { pods: [pod("one", "10.1.0.1", more)] };
    await start();
    const found = catalog.resources({ type: expected.type, namespace: "", name: "" });
    expect(found).toMatchObject([{ ...expected, namespace: "shop", pods: 1, meshedPods: 0 }]);
  });

  test("counts from when it has an address until its containers have ended", async () => {
    const waiting = { ...pod("one", ""), status: { phase: "Pending" } };
    lists = { pods: [waiting] };
    await start();
    expect(workload()).toEqual([]);
    send("pods", "MODIFIED", pod("one", "10.1.0.1"));
    await vi.waitFor(() => expect(workload()).toHaveLength(1), DEADLINE);
    send("pods", "MODIFIED", {
      ...pod("one", "10.1.0.1"),
      status: { phase: "Succeeded", podIP: "10.1.0.1" },
    });
    await vi.waitFor(() => expect(workload()).toEqual([]), DEADLINE);
  });
});

test("a kind that may not be read is a problem that names it", async () => {
  server.answering = ((before) => (question) => {
    if (!question.path.endsWith("/pods")) return before(question);
    return {
      status: 403,
      body: { kind: "Status", code: 403, message: 'User "mesh" cannot list resource "pods"' },
    };
  })(server.answering);
  registry = startKubernetesRegistry(cluster, catalog);
  const found = () => catalog.problems.list().map(({ source, message }) => `${source}: ${message}`);
  const expected = ["kubernetes pods: user 'mesh' may not list pods in all namespaces"];
  await vi.waitFor(() => expect(found()).toEqual(expected), DEADLINE);
});

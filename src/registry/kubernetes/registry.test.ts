import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ApiServer } from "../../../test/kubernetes/api-server.js";
import {
  externalService,
  pod,
  service,
  servicePolicy,
  slice,
  SLICE_PORTS,
  trafficPermission,
} from "../../../test/kubernetes/objects.js";
import {
  addressesOf,
  becomes,
  DEADLINE,
  type Lists,
  RegisteredCluster,
  startServer,
} from "../../../test/kubernetes/registered-cluster.js";

let server: ApiServer;
let cluster: RegisteredCluster;

beforeAll(async () => {
  server = await startServer();
});
afterEach(() => cluster.stop());
afterAll(() => server.stop());

async function start(lists: Lists = {}): Promise<void> {
  cluster = await RegisteredCluster.start(server, lists);
}

describe("a service of a cluster", () => {
  test("is reached by the names of the cluster's DNS and by its address, at the pods that its slices name", async () => {
    await start({
      services: [service("web")],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x", ready: true }])],
      pods: [pod("web-5d8f-x", "10.1.0.1")],
    });
    for (const name of ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local:80"]) {
      expect(addressesOf(cluster.target(name))).toEqual(["10.1.0.1:8080"]);
    }
    expect(cluster.target("web").endpoints()).toMatchObject([
      { pod: "web-5d8f-x", workload: { kind: "deployment", name: "web" }, namespace: "shop" },
    ]);
    expect(addressesOf(cluster.target("web:81"))).toBeUndefined();
    expect(addressesOf(cluster.target("web", "other"))).toBeUndefined();
    const byAddress = cluster.original({ ip: "10.96.0.7", port: 80 });
    expect(byAddress.service()).toMatchObject({ name: "web", port: 80 });
    const byPod = cluster.original({ ip: "10.1.0.1", port: 9 });
    expect(byPod.endpoints()).toMatchObject([{ pod: "web-5d8f-x" }]);
  });

  test("follows its slices, several of them, in whatever order things come", async () => {
    await start();
    const web = cluster.target("web");
    expect(addressesOf(web)).toBeUndefined();
    cluster.send("endpointslices", "ADDED", slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x" }]));
    cluster.send("services", "ADDED", service("web"));
    await becomes(web, ["10.1.0.1:8080"]);
    cluster.send("endpointslices", "ADDED", slice("web-2", "web", [{ ip: "10.1.0.2" }]));
    await becomes(web, ["10.1.0.1:8080", "10.1.0.2:8080"]);
    cluster.send("pods", "ADDED", pod("web-5d8f-x", "10.1.0.1"));
    await vi.waitFor(
      () => expect(web.endpoints()).toMatchObject([{ pod: "web-5d8f-x" }, { pod: "" }]),
      DEADLINE,
    );
    cluster.send("endpointslices", "DELETED", slice("web-1", "web", []));
    await becomes(web, ["10.1.0.2:8080"]);
    cluster.send("services", "DELETED", service("web"));
    await becomes(web, undefined);
  });

  test("keeps an endpoint that drains only while no other is ready", async () => {
    const draining = { ip: "10.1.0.1", ready: false, serving: true, terminating: true };
    await start({ services: [service("web")], endpointslices: [slice("web-1", "web", [draining])] });
    const web = cluster.target("web");
    expect(addressesOf(web)).toEqual(["10.1.0.1:8080"]);
    cluster.send(
      "endpointslices",
      "MODIFIED",
      slice("web-1", "web", [draining, { ip: "10.1.0.2", ready: true }]),
    );
    await becomes(web, ["10.1.0.2:8080"]);
    cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", [{ ...draining, serving: false }]));
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
    await start({
      services: [service("web", { ports })],
      endpointslices: [
        slice("web-1", "web", [{ ip: "10.1.0.1" }], targets),
        slice("web-2", "web", [{ ip: "10.1.0.2" }], SLICE_PORTS),
      ],
    });
    expect(addressesOf(cluster.target("web:80"))).toEqual(["10.1.0.1:8080", "10.1.0.2:8080"]);
    expect(addressesOf(cluster.target("web:9000"))).toEqual(["10.1.0.1:8081"]);
    expect(addressesOf(cluster.target("web:53"))).toBeUndefined();
  });

  test.each([
    ["headless", { clusterIP: "None", clusterIPs: ["None"] }, ["10.1.0.1:8080"]],
    ["of two families", { clusterIPs: ["10.96.0.7", "fd00::7"] }, ["10.1.0.1:8080"]],
    ["an alias in the DNS", { type: "ExternalName", externalName: "example.com" }, undefined],
    ["without TCP ports", { ports: [{ port: 53, protocol: "UDP" }] }, undefined],
  ])("that is %s", async (_, spec, expected) => {
    await start({
      services: [service("web", spec)],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1" }]), slice("web-2", "web", [], null)],
    });
    expect(addressesOf(cluster.target("web"))).toEqual(expected);
    if ("clusterIPs" in spec && spec.clusterIPs.length === 2) {
      const six = cluster.original({ ip: "fd00::7", port: 80 });
      expect(six.service()).toMatchObject({ name: "web" });
    }
  });
});

describe("a pod", () => {
  const workload = () => cluster.catalog.resources({ type: "workload", namespace: "", name: "" });

  test.each([
    ["of a Deployment", {}, { type: "deployment", name: "web" }],
    [
      "of a StatefulSet",
      { ownerReferences: [{ kind: "StatefulSet", name: "db", controller: true }] },
      { type: "statefulset", name: "db" },
    ],
    ["of a ReplicaSet that nobody made", { labels: {} }, { type: "replicaset", name: "web-5d8f" }],
    ["of its own", { ownerReferences: [] }, { type: "pod", name: "one" }],
    [
      "the cron job of a job",
      { ownerReferences: [{ controller: true, kind: "Job", name: "report-29534400" }] },
      { type: "cronjob", name: "report" },
    ],
  ])("%s belongs to it", async (_, more, expected) => {
    await start({ pods: [pod("one", "10.1.0.1", more)] });
    const found = cluster.catalog.resources({ type: expected.type, namespace: "", name: "" });
    expect(found).toMatchObject([{ ...expected, namespace: "shop", pods: 1, meshedPods: 0 }]);
    expect(workload()).toEqual(found);
  });

  test("counts until its containers have ended", async () => {
    const waiting = { ...pod("one", ""), status: { phase: "Pending" } };
    await start({ pods: [waiting] });
    expect(workload()).toHaveLength(1);
    cluster.send("pods", "MODIFIED", {
      ...pod("one", "10.1.0.1"),
      status: { phase: "Succeeded", podIP: "10.1.0.1" },
    });
    await vi.waitFor(() => expect(workload()).toEqual([]), DEADLINE);
  });
});

test("what stayed is not told anew when everything is listed again", async () => {
  const lists = {
    services: [service("web"), service("gone")],
    endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x" }, { ip: "10.1.0.2" }])],
    pods: [pod("web-5d8f-x", "10.1.0.1")],
  };
  await start(lists);
  const told: unknown[] = [];
  const web = cluster.catalog.watch("web", "shop", {
    replaced: () => told.push("replaced"),
    changed: (before, after) => told.push([before?.address.ip, after?.address.ip]),
  });
  const gone = cluster.target("gone");
  lists.services = [service("web")];
  lists.endpointslices = [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "web-5d8f-x" }, { ip: "10.1.0.3" }])];
  const expired = { type: "ERROR", object: { kind: "Status", code: 410, message: "too old" } };
  for (const watch of [...cluster.watches.values()]) watch.send(expired);
  await becomes(gone, undefined);
  await becomes(web, ["10.1.0.1:8080", "10.1.0.3:8080"]);
  expect(told).toEqual([
    [undefined, "10.1.0.3"],
    ["10.1.0.2", undefined],
  ]);
});

describe("permissions", () => {
  const subject = { namespace: "shop", name: "one", workload: { kind: "pod", name: "one" }, inbound: [] };
  const inForce = () => cluster.catalog.permissionsOf(subject).map(({ permission }) => permission.name);
  const problems = () =>
    cluster.catalog.problems.list().map(({ source, message }) => `${source}: ${message}`);

  test("are followed; one that cannot be meant stands as it last was right", async () => {
    await start({
      pods: [pod("one", "10.1.0.1")],
      trafficpermissions: [
        trafficPermission("all"),
        trafficPermission("others", { selector: { matchLabels: { a: "b" } } }),
      ],
    });
    expect(inForce()).toEqual(["all"]);
    const cidrs = { from: [{ cidrs: ["10.0.0.0/40"] }] };
    cluster.send("trafficpermissions", "MODIFIED", trafficPermission("all", cidrs));
    const mistake = 'spec.from[0].cidrs[0]: "10.0.0.0/40" has a prefix longer than 32 bits';
    const known = { timeout: 60_000, interval: 5 };
    await vi.waitFor(() => expect(problems()).toEqual([`trafficpermission shop/all: ${mistake}`]), known);
    expect(inForce()).toEqual(["all"]);
    cluster.send("trafficpermissions", "ADDED", trafficPermission("more", { ports: [80] }));
    await vi.waitFor(() => expect(inForce()).toEqual(["all", "more"]), known);
    cluster.send("trafficpermissions", "DELETED", trafficPermission("all"));
    await vi.waitFor(() => expect(inForce()).toEqual(["more"]), known);
    expect(problems()).toEqual([]);
  });

  test("for a service are for all of its pods, ready or not", async () => {
    await start({
      services: [service("web", { selector: { app: "web" } })],
      pods: [pod("one", "10.1.0.1")],
      trafficpermissions: [
        trafficPermission("web", { targetRefs: [{ group: "", kind: "Service", name: "web" }] }),
      ],
    });
    expect(inForce()).toEqual(["web"]);
  });

  test("mean the service accounts of workloads that they name", async () => {
    const workloads = [{ kind: "Deployment", name: "web" }];
    const identityOf = (account: { namespace: string; name: string }) =>
      `${account.namespace}/${account.name}`;
    cluster = await RegisteredCluster.start(
      server,
      {
        pods: [pod("one", "10.1.0.1", {}, { serviceAccountName: "shopkeeper" })],
        trafficpermissions: [trafficPermission("from-web", { from: [{ workloads }] })],
      },
      { identityOf, namedAsWorkloads: false },
    );
    expect(cluster.catalog.permissionsOf(subject)).toMatchObject([
      { from: [{ identities: ["shop/shopkeeper"], nobody: false }] },
    ]);
  });

  test("are none where the API server does not know the kind, which is a problem", async () => {
    cluster = await RegisteredCluster.begin(server, {});
    server.answering = ((before) => (question) =>
      question.path.endsWith("/trafficpermissions")
        ? { status: 404, body: { kind: "Status", code: 404 } }
        : before(question))(server.answering);
    await cluster.complete;
    expect(problems()).toEqual([
      "kubernetes trafficpermissions.mesh.dev: the API server has no trafficpermissions.mesh.dev of version v1alpha1",
    ]);
  });
});

describe("policies and services outside of the mesh", () => {
  const names = () => cluster.catalog.policies.withoutEffect();
  const warnings = () => cluster.catalog.policies.warnings();
  const problems = () =>
    cluster.catalog.problems.list().map(({ source, message }) => `${source}: ${message}`);

  test("are followed, and a Service that is not there is told", async () => {
    await start({
      services: [service("web")],
      servicepolicies: [servicePolicy("fast", "web"), servicePolicy("slow", "api")],
      externalservices: [externalService("bank")],
    });
    expect(names()).toEqual([
      { kind: "ServicePolicy", namespace: "shop", name: "fast" },
      { kind: "ServicePolicy", namespace: "shop", name: "slow" },
      { kind: "ExternalService", namespace: "shop", name: "bank" },
    ]);
    expect(warnings()).toEqual([
      {
        source: "servicepolicy shop/slow",
        line: 0,
        message: "no Service api is known in namespace shop",
      },
    ]);
    cluster.send("services", "ADDED", service("api"));
    await vi.waitFor(() => expect(warnings()).toEqual([]), DEADLINE);
    cluster.send("servicepolicies", "DELETED", servicePolicy("slow", "api"));
    cluster.send("externalservices", "DELETED", externalService("bank"));
    await vi.waitFor(() => expect(names()).toMatchObject([{ name: "fast" }]), DEADLINE);
  });

  test("that cannot be meant are problems", async () => {
    const timeouts = { attempt: "2s", request: "1s" };
    await start({
      services: [service("web")],
      servicepolicies: [servicePolicy("slow", "web", { timeouts })],
    });
    expect(problems()).toEqual([
      "servicepolicy shop/slow: spec.timeouts.attempt: 2s is longer than request, which is 1s",
    ]);
    cluster.send("servicepolicies", "MODIFIED", servicePolicy("slow", "web"));
    await vi.waitFor(() => expect(problems()).toEqual([]), DEADLINE);
    expect(names()).toMatchObject([{ name: "slow" }]);
  });

  test.each([
    [404, /: the API server has no servicepolicies\.mesh\.dev of version v1alpha1$/],
    [403, /: this user may not list servicepolicies\.mesh\.dev in all namespaces$/],
  ])("keep nobody waiting where the API server answers %i, which is a problem", async (code, message) => {
    cluster = await RegisteredCluster.begin(server, { pods: [pod("one", "10.1.0.1")] });
    const body = { kind: "Status", code, message: "servicepolicies.mesh.dev is forbidden" };
    server.answering = ((before) => (question) =>
      question.path.endsWith("/servicepolicies") ? { status: code, body } : before(question))(
      server.answering,
    );
    await cluster.complete;
    expect(cluster.catalog.resources({ type: "pod", namespace: "shop", name: "" })).toHaveLength(1);
    await vi.waitFor(() => {
      expect(problems()).toEqual([expect.stringMatching(/^kubernetes servicepolicies\.mesh\.dev: /)]);
      expect(problems()).toEqual([expect.stringMatching(message)]);
    }, DEADLINE);
  });
});

test("namespaces are known without anything in them, and those that do not exist as well", async () => {
  const named = (name: string) => ({ metadata: { name, resourceVersion: "2" } });
  await start({ namespaces: [named("empty"), named("shop")], pods: [pod("one", "10.1.0.1")] });
  const namespaces = () => cluster.catalog.resources({ type: "namespace", namespace: "", name: "" });
  expect(namespaces()).toMatchObject([
    { name: "empty", pods: 0 },
    { name: "shop", pods: 1 },
  ]);
  expect([cluster.catalog.mayBeNamespace("empty"), cluster.catalog.mayBeNamespace("typo")]).toEqual([
    true,
    false,
  ]);
  cluster.send("namespaces", "DELETED", named("empty"));
  await vi.waitFor(() => expect(namespaces()).toHaveLength(1), DEADLINE);
});

test("a kind that may not be read is a problem that names it", async () => {
  cluster = await RegisteredCluster.begin(server, {});
  server.answering = ((before) => (question) => {
    if (!question.path.endsWith("/pods")) return before(question);
    return {
      status: 403,
      body: { kind: "Status", code: 403, message: 'User "mesh" cannot list resource "pods"' },
    };
  })(server.answering);
  const found = () => cluster.catalog.problems.list().map(({ source, message }) => `${source}: ${message}`);
  const expected = ["kubernetes pods: user 'mesh' may not list pods in all namespaces"];
  await vi.waitFor(() => expect(found()).toEqual(expected), DEADLINE);
});

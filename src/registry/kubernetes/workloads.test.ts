import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ApiServer } from "../../../test/kubernetes/api-server.js";
import {
  meta,
  node,
  pod,
  service,
  slice,
  trafficPermission,
  workload,
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

async function start(lists: Lists): Promise<void> {
  cluster = await RegisteredCluster.start(server, lists, {
    identityOf: ({ namespace, name }) => `${namespace}/${name}`,
    namedAsWorkloads: false,
  });
}

const problems = () => cluster.catalog.problems.list().map(({ source, message }) => `${source}: ${message}`);

/** The service `web` with one pod, selecting what has `app: web`. */
const SELECTING: Lists = {
  services: [
    service("web", { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: "http" }] }),
  ],
  endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "one" }])],
  pods: [pod("one", "10.1.0.1")],
};

describe("a service", () => {
  test("is served by the Workloads that it selects, beside its pods", async () => {
    await start({ ...SELECTING, workloads: [workload("vm-1", "192.0.2.1")] });
    const web = cluster.target("web");
    expect(addressesOf(web)).toEqual(["10.1.0.1:8080", "192.0.2.1:9000"]);
    expect(web.endpoints().find(({ pod: name }) => name === "vm-1")).toEqual({
      address: { ip: "192.0.2.1", port: 9000 },
      namespace: "shop",
      workload: { kind: "workload", name: "vm-1" },
      pod: "vm-1",
      meshed: false,
    });
    expect(addressesOf(cluster.original({ ip: "10.96.0.7", port: 80 }))).toEqual(addressesOf(web));
    expect(cluster.original({ ip: "192.0.2.1", port: 9000 }).endpoints()).toMatchObject([{ pod: "vm-1" }]);
  });

  test("follows them as they come, change and go", async () => {
    await start(SELECTING);
    const web = cluster.target("web");
    const send = (type: string, object: object) => cluster.send("workloads", type, object);
    send("ADDED", workload("vm-1", "192.0.2.1"));
    await becomes(web, ["10.1.0.1:8080", "192.0.2.1:9000"]);
    send("MODIFIED", workload("vm-1", "192.0.2.2", { ports: [{ name: "http", port: 9001 }] }));
    await becomes(web, ["10.1.0.1:8080", "192.0.2.2:9001"]);
    send("MODIFIED", workload("vm-1", "192.0.2.2", {}, { app: "other" }));
    await becomes(web, ["10.1.0.1:8080"]);
    send("ADDED", workload("vm-2", "2001:db8::2"));
    await becomes(web, ["10.1.0.1:8080", "[2001:db8::2]:9000"]);
    send("DELETED", workload("vm-2", "2001:db8::2"));
    await becomes(web, ["10.1.0.1:8080"]);
    send("MODIFIED", workload("vm-1", "192.0.2.2"));
    await becomes(web, ["10.1.0.1:8080", "192.0.2.2:9000"]);
    cluster.send("services", "MODIFIED", service("web"));
    await becomes(web, ["10.1.0.1:8080"]);
  });

  test("loses those that are gone when everything is listed again", async () => {
    const lists = {
      ...SELECTING,
      workloads: [workload("vm-1", "192.0.2.1"), workload("vm-2", "192.0.2.2")],
    };
    await start(lists);
    const web = cluster.target("web");
    lists.workloads = [workload("vm-2", "192.0.2.2")];
    cluster.send("workloads", "ERROR", { kind: "Status", code: 410, message: "too old" });
    await becomes(web, ["10.1.0.1:8080", "192.0.2.2:9000"]);
  });

  test.each<[string, object, object, string[]]>([
    ["by the number of a port", { targetPort: 7000 }, {}, ["192.0.2.1:7000"]],
    ["by its own port's number", {}, {}, ["192.0.2.1:80"]],
    ["not where it does not name the port", { targetPort: "http" }, { ports: [] }, []],
  ])("reaches them %s", async (_, port, spec, expected) => {
    await start({
      services: [service("web", { selector: { app: "web" }, ports: [{ port: 80, ...port }] })],
      workloads: [workload("vm-1", "192.0.2.1", spec)],
    });
    expect(addressesOf(cluster.target("web"))).toEqual(expected);
  });

  test("of another namespace, or without a selector, does not have them", async () => {
    const elsewhere = workload("vm-1", "192.0.2.1");
    await start({
      ...SELECTING,
      services: [...(SELECTING["services"] ?? []), service("by-hand", { clusterIPs: ["10.96.0.8"] })],
      workloads: [{ ...elsewhere, metadata: { ...elsewhere.metadata, namespace: "other" } }],
    });
    expect(addressesOf(cluster.target("web"))).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(cluster.target("by-hand"))).toEqual([]);
  });

  test("does not fall back on a pod that drains while it has one", async () => {
    const draining = { ip: "10.1.0.1", pod: "one", ready: false, serving: true, terminating: true };
    await start({
      ...SELECTING,
      endpointslices: [slice("web-1", "web", [draining])],
      workloads: [workload("vm-1", "192.0.2.1")],
    });
    const web = cluster.target("web");
    expect(addressesOf(web)).toEqual(["192.0.2.1:9000"]);
    cluster.send("workloads", "DELETED", workload("vm-1", "192.0.2.1"));
    await becomes(web, ["10.1.0.1:8080"]);
  });

  test("has them for the pods of every zone, beside those that are meant for the zone", async () => {
    await start({
      ...SELECTING,
      nodes: [node("here", "10.0.0.1", "a"), node("there", "10.0.0.2", "b")],
      endpointslices: [
        slice("web-1", "web", [
          { ip: "10.1.0.1", nodeName: "here", zones: ["a"] },
          { ip: "10.1.0.2", nodeName: "there", zones: ["b"] },
        ]),
      ],
      pods: [pod("client", "10.1.0.9", {}, { nodeName: "here" })],
      workloads: [workload("vm-1", "192.0.2.1")],
    });
    expect(addressesOf(cluster.target("web", "shop", "client"))).toEqual(["10.1.0.1:8080", "192.0.2.1:9000"]);
  });

  test("that is for its own node alone has none of them", async () => {
    const [selecting] = SELECTING["services"] as [ReturnType<typeof service>];
    await start({
      services: [{ ...selecting, spec: { ...selecting.spec, internalTrafficPolicy: "Local" } }],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", nodeName: "here" }])],
      pods: [pod("client", "10.1.0.9", {}, { nodeName: "here" })],
      workloads: [workload("vm-1", "192.0.2.1")],
    });
    expect(addressesOf(cluster.target("web", "shop", "client"))).toEqual(["10.1.0.1:8080"]);
  });
});

describe("a Workload", () => {
  const resources = (type: string) => cluster.catalog.resources({ type, namespace: "shop", name: "" });

  test("counts as an instance without a sidecar, of what it says that it is a copy of", async () => {
    await start({
      ...SELECTING,
      workloads: [
        workload("vm-1", "192.0.2.1"),
        workload("vm-2", "192.0.2.2", { workload: "deployment/web" }),
      ],
    });
    expect(resources("workload")).toMatchObject([
      { type: "deployment", name: "web", pods: 2, meshedPods: 0 },
      { type: "workload", name: "vm-1", pods: 1, meshedPods: 0 },
    ]);
    expect(resources("service")).toMatchObject([{ name: "web", pods: 3 }]);
  });

  test("whose address cannot be meant stands as it last was right", async () => {
    await start({ ...SELECTING, workloads: [workload("vm-1", "192.0.2.1")] });
    const web = cluster.target("web");
    for (const [address, why] of [
      ["10.0.0", "is neither an IP address nor a host name"],
      ["127.0.0.1", "is a loopback, link-local or multicast address, which is nobody's in a cluster"],
      ["fe80::1", "is a loopback, link-local or multicast address, which is nobody's in a cluster"],
    ]) {
      cluster.send("workloads", "MODIFIED", workload("vm-1", address ?? ""));
      const expected = [`workload shop/vm-1: spec.address: "${address ?? ""}" ${why ?? ""}`];
      await vi.waitFor(() => expect(problems()).toEqual(expected), DEADLINE);
      expect(addressesOf(web)).toEqual(["10.1.0.1:8080", "192.0.2.1:9000"]);
    }
    cluster.send("workloads", "DELETED", workload("vm-1", "fe80::1"));
    await becomes(web, ["10.1.0.1:8080"]);
    expect(problems()).toEqual([]);
  });

  test("whose host cannot be resolved, or is every machine's own, has no address, and that is told", async () => {
    await start({
      ...SELECTING,
      workloads: [workload("vm-1", "nowhere.invalid"), workload("vm-2", "localhost")],
    });
    expect(addressesOf(cluster.target("web"))).toEqual(["10.1.0.1:8080"]);
    await vi.waitFor(() => {
      const [unknown, own] = problems();
      expect(unknown).toMatch(
        /^workload shop\/vm-1: found host "nowhere\.invalid", which cannot be resolved \(/,
      );
      expect(own).toMatch(
        /^workload shop\/vm-2: its host has the loopback, link-local or multicast address /,
      );
    }, DEADLINE);
  });

  test("with the name of a pod counts for nothing until the pod has gone", async () => {
    await start({ ...SELECTING, workloads: [workload("one", "192.0.2.1")] });
    const web = cluster.target("web");
    expect(addressesOf(web)).toEqual(["10.1.0.1:8080"]);
    expect(problems()).toEqual([
      "workload shop/one: found the name of a pod; expected one of its own: the pod is meant",
    ]);
    cluster.send("pods", "DELETED", pod("one", "10.1.0.1"));
    cluster.send("endpointslices", "DELETED", slice("web-1", "web", []));
    await becomes(web, ["192.0.2.1:9000"]);
    expect(problems()).toEqual([]);
    cluster.send("pods", "ADDED", pod("one", "10.1.0.1"));
    await becomes(web, []);
    cluster.send("workloads", "DELETED", workload("one", "192.0.2.1"));
    await vi.waitFor(() => expect(problems()).toEqual([]), DEADLINE);
    expect(resources("pod")).toMatchObject([{ name: "one" }]);
  });

  test("does not take the address of a pod", async () => {
    await start({
      ...SELECTING,
      workloads: [workload("thief", "10.1.0.1", { ports: [{ name: "http", port: 8080 }] }, { a: "b" })],
      trafficpermissions: [trafficPermission("of-thief", { selector: { matchLabels: { a: "b" } } })],
    });
    expect(cluster.original({ ip: "10.1.0.1", port: 8080 }).endpoints()).toMatchObject([{ pod: "one" }]);
    const subject = {
      namespace: "shop",
      name: "one",
      workload: { kind: "deployment", name: "web" },
      inbound: [{ address: "10.1.0.1:8080", application: "" }],
    };
    expect(cluster.catalog.permissionsOf(subject)).toEqual([]);
  });

  test("can be named by permissions, and is nobody as a caller: it cannot prove who it is", async () => {
    const permission = trafficPermission("from-vm", {
      targetRefs: [{ group: "mesh.dev", kind: "Workload", name: "vm-1" }],
      from: [{ workloads: [{ kind: "Workload", name: "vm-1" }] }],
    });
    await start({ workloads: [workload("vm-1", "192.0.2.1")], trafficpermissions: [permission] });
    const subject = { ...meta("vm-1"), workload: { kind: "workload", name: "vm-1" }, inbound: [] };
    expect(cluster.catalog.permissionsOf(subject)).toMatchObject([{ from: [{ nobody: true }] }]);
    expect(cluster.catalog.permissionWarnings()).toMatchObject([
      {
        message: "nothing of Workload vm-1 in namespace shop can prove who it is: as a caller it is nobody",
      },
    ]);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiServer } from "../../../test/kubernetes/api-server.js";
import { type EndpointFacts, node, pod, service, slice } from "../../../test/kubernetes/objects.js";
import {
  addressesOf,
  becomes,
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
  cluster = await RegisteredCluster.start(server, lists);
}

/** The service `web` with these endpoints in one slice. */
const web = (endpoints: EndpointFacts[], spec: object = {}, status: object = {}): Lists => ({
  services: [service("web", spec, status)],
  endpointslices: [slice("web-1", "web", endpoints)],
});

describe("names", () => {
  const HEADLESS = { clusterIP: "None", clusterIPs: ["None"] };

  test("a pod of a StatefulSet is reached by its own name below the headless service's", async () => {
    await start(
      web(
        [
          { ip: "10.1.0.1", pod: "web-0", hostname: "web-0" },
          { ip: "10.1.0.2", pod: "web-1", hostname: "web-1" },
        ],
        HEADLESS,
      ),
    );
    for (const name of [
      "web-1.web",
      "web-1.web.shop",
      "web-1.web.shop.svc",
      "web-1.web.shop.svc.cluster.local.:80",
    ]) {
      expect(addressesOf(cluster.target(name)), name).toEqual(["10.1.0.2:8080"]);
    }
    expect(addressesOf(cluster.target("web"))).toEqual(["10.1.0.1:8080", "10.1.0.2:8080"]);
    expect(addressesOf(cluster.target("web-2.web"))).toBeUndefined();
    expect(addressesOf(cluster.target("web-1.web", "other"))).toBeUndefined();
  });

  test("that of a pod that is replaced means the new one", async () => {
    await start(web([{ ip: "10.1.0.1", hostname: "web-0" }], HEADLESS));
    const first = cluster.target("web-0.web");
    cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", []));
    await becomes(first, undefined);
    cluster.send(
      "endpointslices",
      "MODIFIED",
      slice("web-1", "web", [{ ip: "10.1.0.9", hostname: "web-0" }]),
    );
    await becomes(first, ["10.1.0.9:8080"]);
  });

  test("an endpoint without a host name has its address for a name", async () => {
    await start(web([{ ip: "10.1.0.1" }, { ip: "10.1.0.2" }], HEADLESS));
    expect(addressesOf(cluster.target("10-1-0-2.web.shop.svc.cluster.local"))).toEqual(["10.1.0.2:8080"]);
  });

  test("an address for an authority means the service or the pod that has it", async () => {
    await start({ ...web([{ ip: "10.1.0.1", pod: "one" }]), pods: [pod("one", "10.1.0.1")] });
    expect(addressesOf(cluster.target("10.96.0.7"))).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(cluster.target("10.1.0.1:9000"))).toEqual(["10.1.0.1:9000"]);
    expect(addressesOf(cluster.target("10.1.0.77:9000"))).toBeUndefined();
  });

  test("an alias means what it is an alias of, while that exists", async () => {
    const alias = (name: string, externalName: string) =>
      service(name, { type: "ExternalName", externalName, ports: [] });
    await start({
      services: [
        service("web"),
        alias("shopfront", "web.shop.svc.cluster.local"),
        alias("twice", "shopfront.shop.svc"),
        alias("loop", "loop.shop.svc"),
        alias("outside", "example.com"),
      ],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1" }])],
    });
    const [one, two] = [cluster.target("shopfront"), cluster.target("twice.shop:80", "other")];
    expect([addressesOf(one), addressesOf(two)]).toEqual([["10.1.0.1:8080"], ["10.1.0.1:8080"]]);
    expect(one.service()).toEqual({ namespace: "shop", name: "web", port: 80 });
    expect(addressesOf(cluster.target("loop"))).toBeUndefined();
    expect(addressesOf(cluster.target("outside"))).toBeUndefined();
    cluster.send("services", "DELETED", service("web"));
    await becomes(two, undefined);
    cluster.send("services", "ADDED", service("web"));
    await becomes(two, ["10.1.0.1:8080"]);
  });
});

describe("addresses", () => {
  const ONE = [{ ip: "10.1.0.1" }];

  test.each([
    [
      "a load balancer",
      {},
      { loadBalancer: { ingress: [{ ip: "192.0.2.7" }, { hostname: "lb.example" }] } },
      true,
    ],
    ["outside", { externalIPs: ["192.0.2.7"] }, {}, true],
    [
      "a load balancer that is to see the traffic",
      {},
      { loadBalancer: { ingress: [{ ip: "192.0.2.7", ipMode: "Proxy" }] } },
      false,
    ],
    [
      "a load balancer that is to refuse some",
      { loadBalancerSourceRanges: ["10.0.0.0/8"] },
      { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] } },
      false,
    ],
  ])("that of %s", async (_, spec, status, isService) => {
    await start(web(ONE, { type: "LoadBalancer", ...spec }, status));
    expect(addressesOf(cluster.original({ ip: "192.0.2.7", port: 80 }))).toEqual(
      isService ? ["10.1.0.1:8080"] : undefined,
    );
    expect(addressesOf(cluster.original({ ip: "192.0.2.7", port: 81 }))).toBeUndefined();
  });

  test("every node's, at the node port, for as long as the node and the port are there", async () => {
    const onNodes = (ports: object[]) => service("web", { type: "NodePort", ports });
    await start({
      ...web(ONE),
      services: [onNodes([{ name: "http", port: 80, nodePort: 30080 }])],
      nodes: [node("a", "192.168.0.1")],
    });
    const known = cluster.original({ ip: "192.168.0.1", port: 30080 });
    const later = cluster.original({ ip: "192.168.0.2", port: 30080 });
    expect(addressesOf(known)).toEqual(["10.1.0.1:8080"]);
    expect(known.service()).toEqual({ namespace: "shop", name: "web", port: 80 });
    expect(addressesOf(later)).toBeUndefined();
    expect(addressesOf(cluster.original({ ip: "192.168.0.1", port: 80 }))).toBeUndefined();
    cluster.send("nodes", "ADDED", node("b", "192.168.0.2"));
    await becomes(later, ["10.1.0.1:8080"]);
    cluster.send("services", "MODIFIED", onNodes([{ name: "http", port: 80, nodePort: 30081 }]));
    await becomes(later, undefined);
    cluster.send("services", "MODIFIED", onNodes([{ name: "http", port: 80, nodePort: 30080 }]));
    await becomes(known, ["10.1.0.1:8080"]);
    cluster.send("nodes", "DELETED", node("a", "192.168.0.1"));
    await becomes(known, undefined);
  });

  test("of two families each stands for its own endpoints; by name there is one for a pod", async () => {
    const both = { clusterIPs: ["10.96.0.7", "fd00::7"], ipFamilies: ["IPv4", "IPv6"] };
    await start({
      services: [service("web", both)],
      endpointslices: [
        slice("web-4", "web", [{ ip: "10.1.0.1", pod: "one" }]),
        slice("web-6", "web", [{ ip: "fd01:0::1", pod: "one" }]),
      ],
    });
    const byName = cluster.target("web");
    expect(addressesOf(byName)).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(cluster.original({ ip: "10.96.0.7", port: 80 }))).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(cluster.original({ ip: "fd00::7", port: 80 }))).toEqual(["[fd01::1]:8080"]);
    cluster.send("endpointslices", "DELETED", slice("web-4", "web", []));
    await becomes(byName, ["[fd01::1]:8080"]);
  });
});

describe("endpoints", () => {
  test("that are not ready are used where the service publishes them, even while they terminate", async () => {
    // The API server's controller tells of them as ready.
    await start(
      web([{ ip: "10.1.0.1", ready: true, serving: false, terminating: true }], {
        publishNotReadyAddresses: true,
      }),
    );
    expect(addressesOf(cluster.target("web"))).toEqual(["10.1.0.1:8080"]);
  });

  describe("whose node was not heard of for a while", () => {
    const unheard = (name: string, ip: string, conditions: object = {}, spec: object = {}) => {
      const all = { Ready: "False", ContainersReady: "True", ...conditions };
      const told = Object.entries(all).map(([type, status]) => ({ type, status }));
      const plain = pod(name, ip, {}, spec);
      return { ...plain, status: { ...plain.status, conditions: told } };
    };
    const away = (ip: string, name: string) => ({ ip, pod: name, ready: false, serving: false });
    const gated = { readinessGates: [{ conditionType: "example.com/listed" }] };

    test.each([
      ["serve on, when all are there", {}, {}, ["10.1.0.1:8080"]],
      ["do not, when their containers are not ready", { ContainersReady: "False" }, {}, []],
      ["do not, when they have just become ready", { Ready: "True" }, {}, []],
      ["do not, when nothing is known of them", { ContainersReady: "Unknown" }, {}, []],
      ["do not, when a gate of theirs is shut", { "example.com/listed": "False" }, gated, []],
      ["do not, when a gate of theirs was never opened", {}, gated, []],
      ["serve on through an open gate", { "example.com/listed": "True" }, gated, ["10.1.0.1:8080"]],
    ])("%s", async (_, conditions, spec, expected) => {
      const pods = [unheard("one", "10.1.0.1", conditions, spec)];
      await start({ ...web([away("10.1.0.1", "one")]), pods });
      expect(addressesOf(cluster.target("web"))).toEqual(expected);
    });

    test("serve until another is ready, and until their containers are not", async () => {
      const pods = [unheard("one", "10.1.0.1"), unheard("two", "10.1.0.2")];
      const both = [away("10.1.0.1", "one"), away("10.1.0.2", "two")];
      await start({ ...web(both), pods });
      const followed = cluster.target("web");
      expect(addressesOf(followed)).toEqual(["10.1.0.1:8080", "10.1.0.2:8080"]);
      cluster.send("pods", "MODIFIED", unheard("two", "10.1.0.2", { ContainersReady: "False" }));
      await becomes(followed, ["10.1.0.1:8080"]);
      const three = { ip: "10.1.0.3", pod: "three" };
      cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", [...both, three]));
      await becomes(followed, ["10.1.0.3:8080"]);
      cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", both));
      await becomes(followed, ["10.1.0.1:8080"]);
      cluster.send("pods", "MODIFIED", unheard("one", "10.1.0.1", { Ready: "True" }));
      cluster.send("pods", "MODIFIED", unheard("two", "10.1.0.2"));
      await becomes(followed, ["10.1.0.1:8080", "10.1.0.2:8080"]);
      cluster.send("pods", "DELETED", unheard("two", "10.1.0.2"));
      await becomes(followed, ["10.1.0.1:8080"]);
      cluster.send("pods", "DELETED", unheard("one", "10.1.0.1"));
      await becomes(followed, []);
    });
  });

  test("of a service without a selector are those that somebody wrote", async () => {
    const unnamed = [{ name: "", port: 5432 }];
    await start({
      services: [service("db", { clusterIPs: ["10.96.0.8"], ports: [{ port: 5432 }] })],
      endpointslices: [
        slice("db-1", "db", [{ ip: "192.0.2.1" }], unnamed),
        {
          ...slice("db-2", "db", [], unnamed),
          addressType: "FQDN",
          endpoints: [{ addresses: ["db.example"] }],
        },
      ],
    });
    expect(addressesOf(cluster.target("db"))).toEqual(["192.0.2.1:5432"]);
    expect(addressesOf(cluster.original({ ip: "192.0.2.1", port: 5432 }))).toEqual(["192.0.2.1:5432"]);
  });

  test("that move from one slice to another stay all the while, and count once", async () => {
    await start(web([{ ip: "10.1.0.1", ready: true }]));
    const seen: unknown[] = [];
    const followed = cluster.catalog.watch("web", "shop", {
      replaced: () => seen.push("replaced"),
      changed: (before, after) => seen.push(after ?? before),
    });
    const other = (endpoints: EndpointFacts[]) => slice("web-2", "web", endpoints);
    cluster.send("endpointslices", "ADDED", other([{ ip: "10.1.0.1", ready: false }]));
    cluster.send(
      "endpointslices",
      "MODIFIED",
      other([{ ip: "10.1.0.1", ready: false, serving: true, terminating: true }]),
    );
    cluster.send("endpointslices", "MODIFIED", other([{ ip: "10.1.0.1", ready: true }]));
    cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", []));
    cluster.send("endpointslices", "MODIFIED", other([{ ip: "10.1.0.1", ready: true }, { ip: "10.1.0.2" }]));
    await becomes(followed, ["10.1.0.1:8080", "10.1.0.2:8080"]);
    expect(seen).toMatchObject([{ address: { ip: "10.1.0.2" } }]);
  });

  test("of slices whose ports differ are at the port of the slice that they are in", async () => {
    const at = (port: number) => [{ name: "http", port, protocol: "TCP" }];
    await start({
      services: [service("web", { ports: [{ name: "http", port: 80, targetPort: "http" }] })],
      endpointslices: [
        slice("web-1", "web", [{ ip: "10.1.0.1" }], at(8080)),
        slice("web-2", "web", [{ ip: "10.1.0.2" }], at(9090)),
        slice("web-3", "web", [{ ip: "10.1.0.3" }], [{ name: "metrics", port: 9100 }]),
      ],
    });
    expect(addressesOf(cluster.target("web"))).toEqual(["10.1.0.1:8080", "10.1.0.2:9090"]);
  });

  test("of a service that is deleted and made again are told to those who watched it before", async () => {
    await start(web([{ ip: "10.1.0.1" }]));
    const followed = cluster.target("web");
    cluster.send("services", "DELETED", service("web"));
    await becomes(followed, undefined);
    cluster.send("endpointslices", "DELETED", slice("web-1", "web", []));
    cluster.send("services", "ADDED", service("web", { clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"] }));
    await becomes(followed, []);
    cluster.send("endpointslices", "ADDED", slice("web-x", "web", [{ ip: "10.1.0.5" }]));
    await becomes(followed, ["10.1.0.5:8080"]);
    expect(addressesOf(cluster.original({ ip: "10.96.0.7", port: 80 }))).toBeUndefined();
    expect(addressesOf(cluster.original({ ip: "10.96.0.9", port: 80 }))).toEqual(["10.1.0.5:8080"]);
  });
});

describe("what is near", () => {
  const NODES = [
    node("a1", "192.168.0.1", "a"),
    node("b1", "192.168.0.2", "b"),
    node("c1", "192.168.0.3", "c"),
  ];
  const onNode = (name: string, ip: string, nodeName: string) => pod(name, ip, {}, { nodeName });
  const PODS = [
    onNode("in-a", "10.1.9.1", "a1"),
    onNode("in-b", "10.1.9.2", "b1"),
    onNode("in-c", "10.1.9.3", "c1"),
  ];
  const from = (name: string) => cluster.target("web", "shop", name);
  const IN_A = { ip: "10.1.0.1", nodeName: "a1", zones: ["a"] };
  const IN_B = { ip: "10.1.0.2", nodeName: "b1", zones: ["b"] };
  const BOTH = ["10.1.0.1:8080", "10.1.0.2:8080"];

  async function startNear(endpoints: EndpointFacts[], spec: object = {}): Promise<void> {
    await start({ ...web(endpoints, spec), nodes: NODES, pods: PODS });
  }
  const tell = (endpoints: EndpointFacts[]) =>
    cluster.send("endpointslices", "MODIFIED", slice("web-1", "web", endpoints));

  test("is given where the slices hint at it, and everything where a zone has none, or nobody knows the zone", async () => {
    await startNear([IN_A, IN_B], { trafficDistribution: "PreferClose" });
    expect(addressesOf(from("in-a"))).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(from("in-b"))).toEqual(["10.1.0.2:8080"]);
    expect(addressesOf(from("in-c"))).toEqual(BOTH);
    expect(addressesOf(from("elsewhere"))).toEqual(BOTH);
    expect(addressesOf(cluster.target("web"))).toEqual(BOTH);
    expect(addressesOf(cluster.original({ ip: "10.96.0.7", port: 80 }, "in-b"))).toEqual(["10.1.0.2:8080"]);
  });

  test("no longer counts when a ready endpoint has no hint, and when none of the zone is ready", async () => {
    await startNear([IN_A, IN_B]);
    const inA = from("in-a");
    tell([IN_A, IN_B, { ip: "10.1.0.3" }]);
    await becomes(inA, [...BOTH, "10.1.0.3:8080"]);
    tell([IN_A, IN_B]);
    await becomes(inA, ["10.1.0.1:8080"]);
    tell([{ ...IN_A, ready: false, serving: true, terminating: true }, IN_B]);
    await becomes(inA, ["10.1.0.2:8080"]);
    tell([{ ip: "10.1.0.1" }, { ip: "10.1.0.2" }]);
    await becomes(inA, BOTH);
  });

  test("is told anew when a pod's node or a node's zone becomes known", async () => {
    await start({ ...web([IN_A, IN_B]) });
    const late = from("late");
    expect(addressesOf(late)).toEqual(BOTH);
    cluster.send("pods", "ADDED", onNode("late", "10.1.9.9", "b1"));
    cluster.send("nodes", "ADDED", node("b1", "192.168.0.2", "b"));
    await becomes(late, ["10.1.0.2:8080"]);
    cluster.send("nodes", "MODIFIED", node("b1", "192.168.0.2", "a"));
    await becomes(late, ["10.1.0.1:8080"]);
  });

  test("is told once to each whom it concerns", async () => {
    await startNear([IN_A, IN_B]);
    const told = new Map(["in-a", "in-b"].map((name) => [name, [] as string[]]));
    for (const [name, changes] of told) {
      cluster.catalog.watch(
        "web",
        "shop",
        {
          replaced: () => changes.push("replaced"),
          changed: (before, after) => changes.push(`${before?.address.ip ?? ""}>${after?.address.ip ?? ""}`),
        },
        name,
      );
    }
    tell([IN_A, IN_B, { ip: "10.1.0.4", nodeName: "a1", zones: ["a"] }]);
    await becomes(from("in-a"), ["10.1.0.1:8080", "10.1.0.4:8080"]);
    expect(Object.fromEntries(told)).toEqual({ "in-a": [">10.1.0.4"], "in-b": [] });
  });

  test("is all there is where a service keeps to the node, ready or draining", async () => {
    await startNear([IN_A, IN_B], { internalTrafficPolicy: "Local" });
    const inA = from("in-a");
    expect(addressesOf(inA)).toEqual(["10.1.0.1:8080"]);
    expect(addressesOf(from("in-c"))).toEqual([]);
    tell([{ ...IN_A, ready: false, serving: true, terminating: true }, IN_B]);
    await becomes(from("in-b"), ["10.1.0.2:8080"]);
    expect(addressesOf(inA)).toEqual(["10.1.0.1:8080"]);
    tell([IN_B]);
    await becomes(inA, []);
  });
});

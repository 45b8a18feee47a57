import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ApiServer } from "../../../test/kubernetes/api-server.js";
import { pod, service, slice } from "../../../test/kubernetes/objects.js";
import {
  DEADLINE,
  type Lists,
  RegisteredCluster,
  startServer,
} from "../../../test/kubernetes/registered-cluster.js";
import type { PortRange, Sidecar } from "../../catalog/index.js";
import { applyChanges, flagContext, plan } from "../../inject/index.js";
import type { Json } from "../../manifest/index.js";

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

test("a pod with a sidecar is meshed, whoever its proxy is connected to, and looked at once it has an address", async () => {
  const ports = [
    { name: "mesh-admin", containerPort: 4191 },
    { name: "mesh-tap", containerPort: 4190 },
  ];
  const env = [{ name: "MESH_PROXY_NAME", value: "one" }];
  const initContainers = [{ name: "mesh-proxy", restartPolicy: "Always", ports, env }];
  const spec = { nodeName: "node-1", initContainers, containers: [{}] };
  const waiting = { ...pod("one", ""), spec, status: { phase: "Pending" } };
  await start({ pods: [waiting, { ...pod("two", "10.1.0.2"), spec: { ...spec, initContainers: [] } }] });
  expect(cluster.catalog.resources({ type: "node", namespace: "", name: "" })).toEqual([
    { type: "node", namespace: "", name: "node-1", pods: 2, meshedPods: 1 },
  ]);
  expect([...cluster.catalog.sidecars]).toMatchObject([{ name: "one", adminAddress: "", tapAddress: "" }]);
  cluster.send("pods", "MODIFIED", { ...pod("one", "10.1.0.1"), spec });
  const expected = [{ name: "one", adminAddress: "10.1.0.1:4191", tapAddress: "10.1.0.1:4190" }];
  await vi.waitFor(() => expect([...cluster.catalog.sidecars]).toMatchObject(expected), DEADLINE);
});

test("a container of an application that has the sidecar's name is none", async () => {
  const named = { ...pod("one", "10.1.0.1"), spec: { containers: [{ name: "mesh-proxy" }] } };
  await start({ pods: [named] });
  expect(cluster.catalog.resources({ type: "pod", namespace: "", name: "" })).toMatchObject([
    { name: "one", pods: 1, meshedPods: 0 },
  ]);
});

describe("the sidecar of a pod", () => {
  const IPS = ["10.1.0.1", "fd00::1"];

  /** A pod as inject meshes it, with a state of its sidecar. */
  function meshedPod(started: boolean, spec: object = {}, annotations = {}): object {
    const before = {
      apiVersion: "v1",
      kind: "Pod",
      ...pod("one", "10.1.0.1", { annotations }, spec),
    } as unknown as Json;
    const planned = plan(before, flagContext({ given: {}, podTemplatePaths: [], version: "1.2.3" }));
    if (planned.outcome !== "injected") throw new Error(JSON.stringify(planned));
    const { object } = applyChanges(before, planned.removals, planned.additions);
    const status = {
      phase: "Running",
      podIPs: IPS.map((ip) => ({ ip })),
      initContainerStatuses: [{ name: "mesh-proxy", started }],
    };
    return { ...(object as object), status };
  }

  const sidecars = () => [...cluster.catalog.sidecars];

  test("makes the pod's endpoints meshed while it runs, whether or not it is connected", async () => {
    await start({
      services: [service("web")],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "one", ready: true }])],
      pods: [meshedPod(true)],
    });
    const web = cluster.target("web");
    expect(web.endpoints()).toMatchObject([{ pod: "one", meshed: true }]);
    const byAddress = cluster.original({ ip: "10.1.0.1", port: 9 });
    expect(byAddress.endpoints()).toMatchObject([{ pod: "one", meshed: true }]);
    cluster.send("pods", "MODIFIED", meshedPod(false));
    await vi.waitFor(() => expect(web.endpoints()).toMatchObject([{ pod: "one", meshed: false }]), DEADLINE);
    expect(byAddress.endpoints()).toMatchObject([{ pod: "one", meshed: false }]);
    cluster.send("pods", "MODIFIED", meshedPod(true));
    await vi.waitFor(() => expect(web.endpoints()).toMatchObject([{ pod: "one", meshed: true }]), DEADLINE);
    cluster.send("pods", "DELETED", meshedPod(true));
    await vi.waitFor(() => expect(sidecars()).toEqual([]), DEADLINE);
  });

  test("is known as it says itself when it connects, which is no event then", async () => {
    await start({ pods: [meshedPod(true)] });
    const sidecar = {
      name: "one",
      namespace: "shop",
      workload: { kind: "deployment", name: "web" },
      adminAddress: "10.1.0.1:4191",
      tapAddress: "10.1.0.1:4190",
      tapIdentity: "spiffe://mesh.test/ns/shop/sa/default",
      inbound: [
        { address: "10.1.0.1:4143", application: "" },
        { address: "[fd00::1]:4143", application: "" },
      ],
      bypassed: [4143, 4190, 4191].map((port): PortRange => [port, port]),
    };
    expect(sidecars()).toEqual([sidecar]);
    const events: string[] = [];
    cluster.catalog.sidecars.on("joined", () => events.push("joined")).on("left", () => events.push("left"));
    cluster.catalog.proxies.join({ ...sidecar, version: "1.2.3", outboundAddress: "127.0.0.1:4140" });
    cluster.catalog.proxies.leave("shop", "one");
    expect(events).toEqual([]);
  });

  const PROXY = { name: "mesh-proxy", started: true };
  const HAS_WAITED = { name: "mesh-init", state: { terminated: { exitCode: 0 } } };
  const IDENTITY = "spiffe://mesh.test/ns/shop/sa/default";

  /** A meshed pod whose containers have these statuses. */
  const withStatuses = (statuses: object[], spec: object = {}, annotations = {}) => {
    const meshed = meshedPod(true, spec, annotations) as { status: object };
    return { ...meshed, status: { ...meshed.status, initContainerStatuses: statuses } };
  };

  const withoutRoots = (object: object): object => {
    const text = JSON.stringify(object);
    const roots = /\{"name":"MESH_PROXY_TRUST_ROOTS","value":"[^"]+"\},/;
    expect(text).toMatch(roots);
    return JSON.parse(text.replace(roots, "")) as object;
  };

  test.each<[string, object, string | undefined]>([
    ["is not known while its sidecar is not ready", withStatuses([{ ...PROXY, ready: false }]), undefined],
    ["is its account's", withStatuses([{ ...PROXY, ready: true }]), IDENTITY],
    [
      "is that of the account that the pod names",
      withStatuses([{ ...PROXY, ready: true }], { serviceAccountName: "web" }),
      "spiffe://mesh.test/ns/shop/sa/web",
    ],
    [
      "stays when a sidecar that was waited for does not answer a probe",
      withStatuses([{ ...PROXY, ready: false }, HAS_WAITED]),
      IDENTITY,
    ],
    [
      "is not taken for known where nothing waited for the sidecar",
      withStatuses(
        [{ ...PROXY, ready: false }, HAS_WAITED],
        {},
        { "config.mesh.dev/wait-for-ready": "false" },
      ),
      undefined,
    ],
    ["is none of an older sidecar", withoutRoots(withStatuses([{ ...PROXY, ready: true }])), undefined],
  ])("has an identity that %s", async (_, object, identity) => {
    await start({
      services: [service("web")],
      endpointslices: [slice("web-1", "web", [{ ip: "10.1.0.1", pod: "one", ready: true }])],
      pods: [object],
    });
    const [endpoint] = cluster.target("web").endpoints();
    expect(endpoint).toMatchObject({ meshed: true });
    expect(endpoint?.identity).toBe(identity);
    const [byAddress] = cluster.original({ ip: "10.1.0.1", port: 9 }).endpoints();
    expect(byAddress?.identity).toBe(identity);
  });

  test("proves who it is when it is tapped, ready or not, and an older one does not", async () => {
    const older = JSON.stringify(meshedPod(true)).replace("MESH_PROXY_TAP_TLS", "MESH_PROXY_OTHER");
    await start({ pods: [meshedPod(true)] });
    expect(sidecars()).toMatchObject([{ tapAddress: "10.1.0.1:4190", tapIdentity: IDENTITY }]);
    cluster.send("pods", "MODIFIED", JSON.parse(older) as object);
    await vi.waitFor(() => expect(sidecars()[0]).not.toHaveProperty("tapIdentity"), DEADLINE);
    expect(sidecars()).toMatchObject([{ tapAddress: "10.1.0.1:4190" }]);
  });

  test("has the identity that the registry tells, whatever a connected proxy says", async () => {
    await start({ pods: [withStatuses([{ ...PROXY, ready: true }])] });
    const [declared] = sidecars();
    expect(declared?.identity).toBe(IDENTITY);
    const more = { version: "1.2.3", outboundAddress: "" };
    cluster.catalog.proxies.join({ ...(declared as Sidecar), ...more, identity: "spiffe://mesh.test/other" });
    expect(sidecars()).toEqual([declared]);
  });

  test("is not at ports that others reach without it: its own, and those that are skipped", async () => {
    const skipped = { "config.mesh.dev/skip-inbound-ports": "22, 9000-9010" };
    await start({ pods: [withStatuses([{ ...PROXY, ready: true }], {}, skipped)] });
    const at = (port: number) => cluster.original({ ip: "10.1.0.1", port }).endpoints();
    for (const port of [22, 9000, 9005, 9010, 4190, 4191]) {
      const [endpoint] = at(port);
      expect(endpoint, String(port)).toMatchObject({ pod: "one", meshed: false });
      expect(endpoint).not.toHaveProperty("identity");
    }
    for (const port of [21, 80, 8999, 9011]) {
      expect(at(port), String(port)).toMatchObject([{ meshed: true, identity: IDENTITY }]);
    }
  });

  test("tells of the networks from which others reach the pod without it, as mesh-init has it", async () => {
    const annotated = { "config.mesh.dev/skip-subnets": "10.9.0.0/16, fd09::/16" };
    await start({ pods: [withStatuses([{ ...PROXY, ready: true }], {}, annotated)] });
    const [endpoint] = cluster.original({ ip: "10.1.0.1", port: 80 }).endpoints();
    expect(endpoint).toMatchObject({ identity: IDENTITY, bypassedFrom: ["10.9.0.0/16", "fd09::/16"] });
  });

  test("has no address of its own in the network of its node", async () => {
    await start({ pods: [{ ...meshedPod(true), spec: { hostNetwork: true, ...SIDECAR } }] });
    expect(sidecars()).toMatchObject([{ inbound: [] }]);
  });

  test.each([
    ["0.0.0.0:10086=127.0.0.1:8086", [{ address: "10.1.0.1:10086", application: "127.0.0.1:8086" }]],
    [
      "[::]:10086=127.0.0.1:8086",
      [
        { address: "10.1.0.1:10086", application: "127.0.0.1:8086" },
        { address: "[fd00::1]:10086", application: "127.0.0.1:8086" },
      ],
    ],
    ["127.0.0.1:10086=127.0.0.1:8086", []],
    ["192.0.2.1:4143=original", []],
  ])("that takes %s is reached at addresses of the pod alone", async (value, inbound) => {
    const [container] = SIDECAR.initContainers;
    const env = [{ name: "MESH_PROXY_INBOUND", value }];
    await start({ pods: [{ ...meshedPod(true), spec: { initContainers: [{ ...container, env }] } }] });
    expect(sidecars()).toMatchObject([{ name: "one", inbound }]);
  });

  const SIDECAR = {
    initContainers: [{ name: "mesh-proxy", env: [{ name: "MESH_PROXY_INBOUND", value: "4143=original" }] }],
  };
});

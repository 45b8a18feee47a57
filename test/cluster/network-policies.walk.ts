// NetworkPolicies that are enforced: the installation's own, those of a namespace with applications in the mesh, and that they hold.
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import {
  applicationImage,
  applyPrinted,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
} from "./administrator.js";
import { openPorts, type Port } from "./connections.js";
import { documentedCommands } from "./documented-commands.js";

const SYSTEM = "mesh-system";
const OUTSIDE = "policies";
const GUARDED = "guarded";
const CALLER = [OUTSIDE, "caller"] as const;
const SOON = { timeout: 60_000, interval: 100 };
const INSTALL = ["install", "--no-grafana", "--set", "prometheus.scrapeInterval=2s"];

beforeAll(async () => {
  await applyPrinted(...INSTALL);
  for (const part of ["mesh-control-plane", "mesh-webhook"]) await rolledOut(SYSTEM, part);
  const manifests = readFileSync(new URL("network-policies.yaml", import.meta.url), "utf8");
  const image = await applicationImage();
  await kubectl.run(["apply", "-f", "-"], manifests.replaceAll("APPLICATION_IMAGE", image));
  await kubectl.run(["wait", "-n", OUTSIDE, "pod", "--all", "--for=condition=Ready", "--timeout=60s"]);
});
afterAll(() => uninstall(OUTSIDE, GUARDED));

/** The addresses of the one pod that has a label. */
async function addressesOf(namespace: string, label: string): Promise<string[]> {
  const path = "jsonpath={.items[*].status.podIPs[*].ip}";
  const printed = await kubectl.run(["get", "pods", "-n", namespace, "-l", label, "-o", path]);
  return printed.split(" ");
}

const PORTS: readonly Port[] = ["TCP 8001", "TCP 8002", "TCP 8003", "UDP 8001"];

const role = (name: string) => ({ podSelector: { matchLabels: { role: name } } });
const namespace = (...names: string[]) => ({
  namespaceSelector: {
    matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: names }],
  },
});
/** Addresses as networks of their own. */
const blocks = (addresses: readonly string[]) =>
  addresses.map((address) => ({ ipBlock: { cidr: `${address}/${isIPv6(address) ? 128 : 32}` } }));
/** All others. */
const allBut = (addresses: readonly string[]) =>
  blocks(addresses).map(({ ipBlock: { cidr } }) => ({
    ipBlock: { cidr: cidr.includes(":") ? "::/0" : "0.0.0.0/0", except: [cidr] },
  }));

const apply = (name: string, spec: object) =>
  kubectl.run(
    ["apply", "-f", "-"],
    JSON.stringify({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name, namespace: OUTSIDE },
      spec,
    }),
  );

type Case = readonly [what: string, rules: () => object[], open: readonly Port[]];

describe.runIf(inject("cluster").pids)("the cluster enforces NetworkPolicies:", () => {
  let callers: readonly string[];
  let calleds: readonly string[];
  /** What the caller reaches, by each of the addresses of who is called. */
  const reached = () => openPorts(CALLER, calleds, PORTS);
  const atEach = (ports: readonly Port[]) => calleds.map(() => ports);

  beforeAll(async () => {
    callers = await addressesOf(OUTSIDE, "role=caller");
    calleds = await addressesOf(OUTSIDE, "role=called");
    await vi.waitFor(async () => expect(await reached()).toEqual(atEach(PORTS)), SOON);
    await apply("nothing", { podSelector: {} });
    await vi.waitFor(async () => expect(await reached()).toEqual(atEach([])), SOON);
  });

  // Each opens other ports than the one before, so that what is seen is its own doing.
  const whoMayCall: Case[] = [
    ["everybody", () => [{}], PORTS],
    ["a port by its name", () => [{ ports: [{ port: "first" }] }], ["TCP 8001"]],
    ["ports to another", () => [{ ports: [{ port: 8002, endPort: 8003 }] }], ["TCP 8002", "TCP 8003"]],
    ["a protocol", () => [{ ports: [{ protocol: "UDP" }] }], ["UDP 8001"]],
    ["other pods", () => [{ from: [role("called")] }], []],
    ["pods, at a port", () => [{ from: [role("caller")], ports: [{ port: 8002 }] }], ["TCP 8002"]],
    ["other pods of the namespace", () => [{ from: [{ ...namespace(OUTSIDE), ...role("called") }] }], []],
    ["a namespace", () => [{ from: [namespace(OUTSIDE, "default")] }], PORTS],
    ["such pods of another namespace", () => [{ from: [{ ...namespace(SYSTEM), ...role("caller") }] }], []],
    ["such pods of the namespace", () => [{ from: [{ ...namespace(OUTSIDE), ...role("caller") }] }], PORTS],
    ["every address but that", () => [{ from: allBut(callers) }], []],
    ["an address", () => [{ from: blocks(callers) }], PORTS],
    ["either of two rules", () => [{ from: allBut(callers) }, { ports: [{ port: 8003 }] }], ["TCP 8003"]],
  ];
  test.each(whoMayCall)("who is let in, %s", async (_what, ingress, open) => {
    await apply("tried", { ...role("called"), ingress: ingress() });
    await expect.poll(reached, SOON).toEqual(atEach(open));
  });

  const whoMayBeCalled: Case[] = [
    ["nobody", () => [], []],
    ["a port by its name", () => [{ to: [role("called")], ports: [{ port: "first" }] }], ["TCP 8001"]],
    ["every address but that", () => [{ to: allBut(calleds) }], []],
    ["a port of an address", () => [{ to: blocks(calleds), ports: [{ port: 8002 }] }], ["TCP 8002"]],
  ];
  test.each(whoMayBeCalled)("who is called, %s", async (_what, egress, open) => {
    await apply("nothing", { ...role("called"), ingress: [{}] });
    await apply("tried", { ...role("caller"), policyTypes: ["Egress"], egress: egress() });
    await expect.poll(reached, SOON).toEqual(atEach(open));
  });

  test("who may call nobody still answers", async () => {
    await apply("tried", { ...role("called"), policyTypes: ["Egress"] });
    await expect.poll(reached, SOON).toEqual(atEach(PORTS));
  });
});

const MESH_PORTS = [4140, 4143, 4190, 4191, 8085, 8086, 8443, 9090, 9990, 10086, 10090, 10443, 10990, 13000];

/** Which ports of the pods of a part of the mesh somebody reaches who has no business there, at whichever address. */
async function openOf(part: string): Promise<Port[]> {
  const addresses = await addressesOf(SYSTEM, `app.kubernetes.io/name=${part}`);
  const ports = MESH_PORTS.map((port): Port => `TCP ${port}`);
  const open = await openPorts(CALLER, addresses, ports);
  return ports.filter((port) => open.flat().includes(port));
}

test("of the mesh's own pods others reach what is for everybody", async () => {
  await rolledOut(SYSTEM, "mesh-prometheus");
  expect(await openOf("mesh-control-plane")).toEqual(["TCP 10086"]);
  expect(await openOf("mesh-webhook")).toEqual(["TCP 10443"]);
  expect(await openOf("mesh-prometheus")).toEqual([]);
});

interface Stat {
  readonly keeper: string;
  readonly rows: readonly {
    readonly name: string;
    readonly secured: number | null;
    readonly http: Http | null;
  }[];
}
interface Http {
  readonly success_rate: number;
}

/** What `mesh stat` says of the applications in the mesh, and where it has that from. */
async function stat() {
  const { stdout } = await mesh("stat", "deploy", "-n", GUARDED, "-o", "json");
  const { keeper, rows } = JSON.parse(stdout) as Stat;
  return { keeper, rows: rows.map(({ name, secured, http }) => [name, http?.success_rate, secured]) };
}

const DOCUMENTED = documentedCommands("install.md", "NetworkPolicies").join("\n");

describe("in a namespace in which nothing is allowed but what applications need without a mesh", () => {
  test("sidecars do not reach the control plane, and say so", async () => {
    const words = ["logs", "-n", GUARDED, "deployment/client", "-c", "mesh-proxy"];
    await expect.poll(() => kubectl.run(words).catch(() => ""), SOON).toContain("control plane not reached");
  });

  test("what docs/install.md adds to that is enough for applications, mesh check and mesh stat", async () => {
    await kubectl.run(["apply", "-n", GUARDED, "-f", "-"], DOCUMENTED);
    for (const name of ["server", "client"]) await rolledOut(GUARDED, name);
    const { status, stdout } = await mesh("check", "--wait", "60s");
    expect(status, stdout).toBe(0);
    // What a workload receives is counted.
    const rows = [
      ["client", undefined, null],
      ["server", 1, 1],
    ];
    await expect.poll(stat, SOON).toEqual({ keeper: "prometheus", rows });
    await kubectl.run(["scale", "-n", SYSTEM, "deployment/mesh-prometheus", "--replicas=0"]);
    await expect.poll(stat, SOON).toEqual({ keeper: "control-plane", rows });
  });

  test("and for mesh tap, by the first request that is shown", { timeout: 60_000 }, async () => {
    const tap = startedMesh("tap", "deploy/server", "-n", GUARDED);
    for await (const line of createInterface({ input: tap.stdout })) {
      expect(line).toMatch(/^req .* dir=in src=\S+ dst=server\S* tls=yes /);
      break;
    }
  });

  test("others reach nothing of it", async () => {
    const ports: Port[] = ["TCP 4140", "TCP 4143", "TCP 4190", "TCP 4191", "TCP 8080"];
    const addresses = await addressesOf(GUARDED, "app=server");
    expect(await openPorts(CALLER, addresses, ports)).toEqual(addresses.map(() => []));
  });
});

test("without the NetworkPolicies of the install others reach more", async () => {
  await kubectl.run(["delete", "networkpolicies", "-n", SYSTEM, "--all"]);
  const open = () => Promise.all(["mesh-control-plane", "mesh-webhook"].map(openOf));
  await expect.poll(open, SOON).toEqual([
    ["TCP 4191", "TCP 10086", "TCP 10990"],
    ["TCP 4191", "TCP 10443", "TCP 10990"],
  ]);
});

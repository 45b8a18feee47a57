import { beforeEach, describe, expect, test } from "vitest";
import type { TrafficPermissionSpec } from "../mesh-kinds/index.js";
import { Catalog, type ConnectedProxy, type PermissionWatch } from "./index.js";

const identityOf = ({ namespace, name }: { namespace: string; name: string }) =>
  `spiffe://mesh.test/ns/${namespace}/sa/${name}`;

let catalog: Catalog;

beforeEach(() => (catalog = new Catalog(undefined, { identityOf, namedAsWorkloads: true })));

const permit = (name: string, spec: Partial<TrafficPermissionSpec>, namespace = "shop") =>
  catalog.putPermission({
    namespace,
    name,
    spec: { action: "ALLOW", ...spec },
    origin: { source: `${name}.yaml`, line: 1 },
  });

/** A pod of the deployment `web`, with the account `web-account`. */
const putPod = (name: string, labels = { app: "web" }, workload = "web", account = `${workload}-account`) =>
  catalog.putInstance({
    namespace: "shop",
    name,
    uid: name,
    account,
    workload: { kind: "deployment", name: workload },
    labels,
    addresses: [`10.0.0.${name.length}`],
    ports: {},
  });

const proxy = (name: string, workload: string, address = "127.0.0.1:9000"): ConnectedProxy => ({
  name,
  namespace: "shop",
  workload: { kind: "workload", name: workload },
  version: "1",
  adminAddress: "",
  tapAddress: "",
  outboundAddress: "",
  inbound: [{ address, application: "" }],
});

const subject = (name: string, namespace = "shop") => ({ ...proxy(name, "what-it-says"), namespace });

const namesOf = (watch: Pick<PermissionWatch, "permissions">) =>
  watch.permissions().map(({ permission }) => permission.name);

const selected = (name: string, namespace?: string) =>
  catalog.permissionsOf(subject(name, namespace)).map(({ permission }) => permission.name);

describe("a permission selects", () => {
  test.each<[what: string, spec: Partial<TrafficPermissionSpec>, selects: boolean]>([
    ["its whole namespace", {}, true],
    ["by label", { selector: { matchLabels: { app: "web" } } }, true],
    ["all of its labels", { selector: { matchLabels: { app: "web", tier: "x" } } }, false],
    ["a workload", { targetRefs: [{ group: "apps", kind: "Deployment", name: "web" }] }, true],
    ["a workload of that kind", { targetRefs: [{ group: "apps", kind: "StatefulSet", name: "web" }] }, false],
    ["a pod", { targetRefs: [{ group: "", kind: "Pod", name: "web-1" }] }, true],
    ["another pod", { targetRefs: [{ group: "", kind: "Pod", name: "web-2" }] }, false],
    ["a service", { targetRefs: [{ group: "", kind: "Service", name: "web" }] }, true],
    ["a service of others", { targetRefs: [{ group: "", kind: "Service", name: "db" }] }, false],
    [
      "any of several",
      {
        targetRefs: [
          { group: "", kind: "Service", name: "db" },
          { group: "apps", kind: "Deployment", name: "web" },
        ],
      },
      true,
    ],
  ])("%s", (_, spec, selects) => {
    putPod("web-1");
    catalog.putService({
      ...{ namespace: "shop", name: "web", ports: [{ port: 80, target: 80 }] },
      ...{ endpoints: { places: [] }, selects: { app: "web" } },
    });
    catalog.putService({ namespace: "shop", name: "db", ports: [], endpoints: { addresses: [] } });
    permit("p", spec);
    expect(selected("web-1")).toEqual(selects ? ["p"] : []);
    expect(selected("web-1", "other")).toEqual([]);
  });

  test("outside Kubernetes, workloads by their own name or their proxies', and services by address", () => {
    permit("by-workload", { targetRefs: [{ group: "mesh.dev", kind: "Workload", name: "world" }] });
    permit("by-instance", { targetRefs: [{ group: "mesh.dev", kind: "Workload", name: "world-1" }] });
    permit("by-service", { targetRefs: [{ group: "", kind: "Service", name: "entry" }] });
    permit("by-label", { selector: { matchLabels: { tier: "back" } } });
    const endpoints = { addresses: [{ ip: "127.0.0.1", port: 9000 }] };
    catalog.putService({ namespace: "shop", name: "entry", ports: [], endpoints });
    const world = proxy("world-1", "world");
    const names = () => catalog.permissionsOf(world).map(({ permission }) => permission.name);
    expect(names()).toEqual(["by-instance", "by-service", "by-workload"]);
    catalog.putInstance({
      ...{ namespace: "shop", name: "another-name", workload: { kind: "workload", name: "world" } },
      ...{ labels: { tier: "back" }, addresses: ["127.0.0.1"], ports: { http: 9000 } },
    });
    expect(names()).toEqual(["by-instance", "by-label", "by-service", "by-workload"]);
  });
});

describe("callers that are workloads", () => {
  const callers = () => catalog.permissionsOf(subject("web-1"))[0]?.from;

  test("are the accounts of their pods, whose change is told to those concerned alone", () => {
    catalog = new Catalog(undefined, { identityOf, namedAsWorkloads: false });
    const told: string[] = [];
    catalog.watchPermissions(subject("web-1"), () => told.push("web-1"));
    catalog.watchPermissions(subject("other-1", "other"), () => told.push("other-1"));
    permit("p", { from: [{ workloads: [{ kind: "Deployment", name: "front" }] }] });
    expect(callers()).toMatchObject([{ identities: [], nobody: true }]);
    told.length = 0;
    putPod("front-1", { app: "front" }, "front");
    putPod("front-22", { app: "front" }, "front");
    putPod("bystander", { app: "x" }, "x");
    expect(callers()).toMatchObject([
      { identities: [identityOf({ namespace: "shop", name: "front-account" })] },
    ]);
    expect(new Set(told)).toEqual(new Set(["web-1"]));
    catalog.removeInstance("shop", "front-1");
    expect(callers()).toMatchObject([{ nobody: false }]);
    catalog.removeInstance("shop", "front-22");
    expect(callers()).toMatchObject([{ identities: [], nobody: true }]);
  });

  test("outside Kubernetes have their workload's name for an account, known or not", () => {
    permit("p", {
      from: [
        {
          workloads: [
            { kind: "Workload", name: "hello" },
            { namespace: "b", kind: "Job", name: "j" },
          ],
        },
      ],
    });
    expect(callers()).toMatchObject([
      { identities: ["spiffe://mesh.test/ns/b/sa/j", "spiffe://mesh.test/ns/shop/sa/hello"], nobody: false },
    ]);
  });

  test("beside identities have to be among those", () => {
    const workloads = [
      { kind: "Workload", name: "hello" },
      { kind: "Workload", name: "bye" },
    ];
    permit("p", { from: [{ workloads, identities: ["spiffe://mesh.test/ns/shop/sa/h*"] }] });
    expect(callers()).toMatchObject([{ identities: ["spiffe://mesh.test/ns/shop/sa/hello"], nobody: false }]);
    permit("p", { from: [{ workloads, identities: ["spiffe://elsewhere/*"] }] });
    expect(callers()).toMatchObject([{ identities: [], nobody: true }]);
  });
});

test("who watches is told when a permission, labels or a service that is named change, and not after the end", () => {
  let changes = 0;
  const watch = catalog.watchPermissions(subject("web-1"), () => changes++);
  const changed = (change: () => void) => {
    changes = 0;
    change();
    return changes > 0;
  };
  expect(changed(() => permit("labels", { selector: { matchLabels: { app: "web" } } }))).toBe(true);
  expect(namesOf(watch)).toEqual([]);
  expect(changed(() => putPod("web-1"))).toBe(true);
  expect(namesOf(watch)).toEqual(["labels"]);
  expect(changed(() => putPod("web-1", { app: "db" }))).toBe(true);
  expect(namesOf(watch)).toEqual([]);
  permit("service", { targetRefs: [{ group: "", kind: "Service", name: "db" }] });
  const service = { namespace: "shop", ports: [], endpoints: { selector: { app: "db" } } };
  expect(changed(() => catalog.putService({ ...service, name: "web" }))).toBe(false);
  expect(changed(() => catalog.putService({ ...service, name: "db" }))).toBe(true);
  expect(namesOf(watch)).toEqual(["service"]);
  expect(changed(() => permit("elsewhere", {}, "other"))).toBe(false);
  expect(changed(() => catalog.removePermission("shop", "service"))).toBe(true);
  expect(namesOf(watch)).toEqual([]);
  watch.stop();
  expect(changed(() => permit("late", {}))).toBe(false);
});

describe("what a permission names and nobody knows is warned of", () => {
  const warnings = () => catalog.permissionWarnings().map(({ message }) => message);

  test.each<[spec: Partial<TrafficPermissionSpec>, warning: string]>([
    [
      { targetRefs: [{ group: "apps", kind: "Deployment", name: "wbe" }] },
      "no Deployment wbe with an instance is known in namespace shop",
    ],
    [
      { targetRefs: [{ group: "", kind: "Service", name: "web" }] },
      "no Service web with an instance is known in namespace shop",
    ],
    [
      { selector: { matchLabels: { app: "wbe", tier: "a" } } },
      "nothing in namespace shop has the labels app=wbe,tier=a",
    ],
    [
      { from: [{ workloads: [{ namespace: "b", kind: "Deployment", name: "x" }] }] },
      "no Deployment x is known in namespace b, of which callers are to be",
    ],
    [
      { from: [{ namespaces: ["shop", "b"] }] },
      "nothing is known in namespace b, of which callers are to be",
    ],
    [
      { from: [{ identities: [identityOf({ namespace: "shop", name: "web-acount" })] }] },
      "nothing is known that has the identity spiffe://mesh.test/ns/shop/sa/web-acount, of which callers are to be",
    ],
    [
      { from: [{ identities: ["spiffe://mesh.test/ns/shop/*", "spiffe://mesh.test/ns/b/*"] }] },
      "nothing is known that has the identity spiffe://mesh.test/ns/b/*, of which callers are to be",
    ],
    [
      { from: [{ identities: ["spiffe://other.test/ns/shop/sa/web-account"] }] },
      "spiffe://other.test/ns/shop/sa/web-account is not of the mesh's trust domain mesh.test: as a caller it is nobody",
    ],
  ])("%j", (spec, warning) => {
    putPod("web-1");
    permit("p", spec);
    expect(catalog.permissionWarnings()).toEqual([
      { source: "p.yaml", line: 1, message: `TrafficPermission shop/p: ${warning}` },
    ]);
    permit("p", { targetRefs: [{ group: "apps", kind: "Deployment", name: "web" }] });
    expect(warnings()).toEqual([]);
  });

  test("a proxy's workload is known, and gone when the proxy is", () => {
    permit("p", { from: [{ workloads: [{ kind: "Workload", name: "world" }] }] });
    catalog.proxies.join(proxy("world-1", "world"));
    expect(warnings()).toEqual([]);
    catalog.proxies.leave("shop", "world-1");
    expect(warnings()).toHaveLength(2);
  });

  test("a port is known where the proxy says which the application has, and not where it takes all", () => {
    const inbound = (...applications: string[]) =>
      applications.map((application, at) => ({ address: `127.0.0.1:${9000 + at}`, application }));
    permit("p", { ports: [80, 8080] });
    catalog.proxies.join({ ...proxy("web-1", "web"), inbound: inbound("127.0.0.1:8080", "[::1]:81") });
    expect(warnings()).toEqual([
      "TrafficPermission shop/p: nothing that it is for has the port 80; there are 81, 8080",
    ]);
    catalog.proxies.join({ ...proxy("web-2", "web"), inbound: inbound("") });
    expect(warnings()).toEqual([]);
  });

  test("the identity of a proxy that nobody has declared is known", () => {
    permit("p", { from: [{ identities: [identityOf({ namespace: "shop", name: "world" })] }] });
    catalog.proxies.join(proxy("world-1", "world"));
    expect(warnings()).toEqual([]);
  });

  test("nobody can be held to a name where nobody certifies names", () => {
    catalog = new Catalog();
    putPod("web-1");
    permit("p", { from: [{ namespaces: ["shop"] }] });
    expect(warnings()).toEqual([expect.stringContaining("there is no certificate authority")]);
    permit("p", { from: [{ cidrs: ["10.0.0.0/8"] }] });
    expect(warnings()).toEqual([]);
  });
});

// Who may call whom, in a mesh whose default is to refuse: every kind of caller, by HTTP, gRPC and TCP.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { MetricsPage } from "../mesh/metrics-page.js";
import {
  applicationImage,
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";
import { forwardPort, type PortForward } from "./port-forward.js";

const SYSTEM = "mesh-system";
const NAMESPACE = "permitted";
const SOON = { timeout: 60_000, interval: 200 };
/** The namespaces of the callers. The stranger has no sidecar. */
const CALLERS = { orders: NAMESPACE, catalog: NAMESPACE, visitor: "elsewhere", stranger: NAMESPACE } as const;
type Caller = keyof typeof CALLERS;
const NAMES = Object.keys(CALLERS) as readonly Caller[];
const PROTOCOLS = ["http", "grpc", "stock"] as const;

const forwards: PortForward[] = [];
/** Where each of them is asked. */
let callers: Readonly<Record<Caller, string>>;

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS, "--set", "defaultPermission=deny");
  for (const name of ["mesh-control-plane", "mesh-webhook"]) await rolledOut(SYSTEM, name);
  const files = [
    "permissions/caller.mjs",
    "traffic/programs/web.mjs",
    "traffic/programs/multiplexed.mjs",
  ].map((path) => `--from-file=${fileURLToPath(new URL(path, import.meta.url))}`);
  for (const namespace of new Set(Object.values(CALLERS))) {
    await kubectl.run(["create", "namespace", namespace]);
    await kubectl.run(["create", "configmap", "programs", "-n", namespace, ...files]);
  }
  const image = await applicationImage();
  const read = (file: string) => readFileSync(new URL(`permissions/${file}`, import.meta.url), "utf8");
  const manifests = [...NAMES.map((name) => callerOf(read("caller.yaml"), name)), read("payment.yaml")]
    .join("")
    .replaceAll("APPLICATION_IMAGE", image)
    .replaceAll("SAMPLES_IMAGE", image.replace("mesh-control-plane", "mesh-samples"));
  await kubectl.run(["apply", "-f", "-"], (await edited("inject", manifests)).stdout);
  await rolledOut(NAMESPACE, "payment");
  const reached = NAMES.map(async (name) => {
    await rolledOut(CALLERS[name], name);
    const forward = await forwardPort(CALLERS[name], `deployment/${name}`, 9000);
    forwards.push(forward);
    return [name, forward.address] as const;
  });
  callers = Object.fromEntries(await Promise.all(reached)) as Record<Caller, string>;
});
afterAll(async () => {
  for (const { close } of forwards) close();
  await uninstall(...new Set(Object.values(CALLERS)));
});

const callerOf = (manifest: string, name: Caller) =>
  manifest
    .replaceAll("CALLER", name)
    .replaceAll("NAMESPACE", CALLERS[name])
    .replaceAll("INJECT", name === "stranger" ? "disabled" : "enabled");

async function told(caller: Caller, path: string): Promise<string> {
  return (await fetch(`http://${callers[caller]}/${path}`)).text();
}

/** How the callers are answered in each protocol; one that is answered alike in all of them has one word for it. */
async function answers(): Promise<Record<string, string[]>> {
  const all = NAMES.map(async (name) => {
    const answered = await Promise.all(PROTOCOLS.map((protocol) => told(name, protocol)));
    return [name, answered] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

const ANSWERED = ["answered", "answered", "answered"];

/** What is seen by who is refused. */
const refused = (why: string) => {
  const words = `mesh-proxy: permission-denied ${why}`;
  return [`403 ${words}`, `7 ${words}`, "closed"];
};

/** What is seen when some are let in and the others are not. */
const onlyFor = (...permitted: Caller[]) =>
  Object.fromEntries(
    NAMES.map((name) => [name, permitted.includes(name) ? ANSWERED : refused("as no permission allows it")]),
  );

const PAYMENT = { targetRefs: [{ group: "apps", kind: "Deployment", name: "payment" }] };

const apply = (name: string, spec: object) =>
  kubectl.run(
    ["apply", "-f", "-"],
    JSON.stringify({
      apiVersion: "mesh.dev/v1alpha1",
      kind: "TrafficPermission",
      metadata: { name, namespace: NAMESPACE },
      spec: { ...PAYMENT, ...spec },
    }),
  );

const remove = (...names: string[]) =>
  kubectl.run(["delete", "trafficpermissions", "-n", NAMESPACE, "--ignore-not-found", ...names]);

test("nobody is let in by default, and the mesh itself is reached", async () => {
  const nobody = Object.fromEntries(NAMES.map((name) => [name, refused("by the mesh's default")]));
  await expect.poll(answers, SOON).toEqual(nobody);
  const { stdout } = await mesh("check", "-o", "json");
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string }[] };
  expect(checks.filter(({ state }) => state === "failed")).toEqual([]);
});

const podIpOf = (name: Caller) =>
  kubectl.run([
    "get",
    "pods",
    "-n",
    CALLERS[name],
    "-l",
    `app=${name}`,
    "-o",
    "jsonpath={.items[0].status.podIP}",
  ]);

test("callers are let in by workload, account, namespace, address, and for showing no certificate", async () => {
  const domain = "spiffe://cluster.local";
  const cases: [from: object, permitted: Caller[]][] = [
    [{ workloads: [{ kind: "Deployment", name: "orders" }] }, ["orders"]],
    [{ workloads: [{ namespace: "elsewhere", kind: "Deployment", name: "visitor" }] }, ["visitor"]],
    [{ identities: [`${domain}/ns/${NAMESPACE}/sa/catalog`] }, ["catalog"]],
    [{ identities: [`${domain}/ns/${NAMESPACE}/*`] }, ["orders", "catalog"]],
    [{ namespaces: ["elsewhere"] }, ["visitor"]],
    [{ unauthenticated: true }, ["stranger"]],
    [{ unauthenticated: false }, ["orders", "catalog", "visitor"]],
    [{ cidrs: [`${await podIpOf("catalog")}/32`] }, ["catalog"]],
    [{ cidrs: ["0.0.0.0/0", "::/0"], unauthenticated: true }, ["stranger"]],
  ];
  for (const [from, permitted] of cases) {
    await apply("some", { from: [from], action: "ALLOW" });
    await expect.poll(answers, { ...SOON, message: JSON.stringify(from) }).toEqual(onlyFor(...permitted));
  }
});

test("of two that contradict each other DENY wins, closes what is open, and is told by tap, metrics and mesh auth", async () => {
  await apply("some", { action: "ALLOW" });
  await expect.poll(answers, SOON).toEqual(onlyFor(...NAMES));
  for (const name of ["orders", "catalog"] as const) expect(await told(name, "hold")).toBe("answered");
  const tap = startedMesh("tap", "deploy/payment", "-n", NAMESPACE, "-o", "json");
  let tapped = "";
  tap.stdout.on("data", (text: Buffer) => (tapped += text.toString()));

  await apply("no-orders", {
    from: [{ workloads: [{ kind: "Deployment", name: "orders" }] }],
    action: "DENY",
  });
  await expect.poll(() => told("orders", "held"), SOON).toBe("closed");
  const denied = refused(`by ${NAMESPACE}/no-orders`);
  await expect.poll(answers, SOON).toEqual({ ...onlyFor(...NAMES), orders: denied });
  expect(await told("catalog", "held")).toBe("open");

  await expect
    .poll(async () => {
      await answers();
      return tapped;
    }, SOON)
    .toContain(`"permission":"${NAMESPACE}/no-orders"`);

  const admin = await forwardPort(NAMESPACE, "deployment/payment", 4191);
  onTestFinished(admin.close);
  const page = new MetricsPage(await (await fetch(`http://${admin.address}/metrics`)).text());
  const decisions = (caller: Caller, permission: string, action: string) =>
    page.sum("mesh_permission_decisions_total", {
      client_identity: `spiffe://cluster.local/ns/${CALLERS[caller]}/sa/${caller}`,
      permission: `${NAMESPACE}/${permission}`,
      action,
    });
  expect(decisions("orders", "no-orders", "deny")).toBeGreaterThan(0);
  expect(decisions("catalog", "some", "allow")).toBeGreaterThan(0);
  expect(decisions("catalog", "no-orders", "deny")).toBe(0);

  const auth = async () => (await mesh("auth", "deploy/payment", "-n", NAMESPACE)).stdout;
  await expect
    .poll(auth, SOON)
    .toMatch(/spiffe:\/\/cluster\.local\/ns\/permitted\/sa\/orders +permitted\/no-orders +DENY +\d+/);
  await remove("no-orders");
  await expect.poll(answers, SOON).toEqual(onlyFor(...NAMES));
});

test("a method of gRPC is refused by its path, and a port by its number", async () => {
  await apply("not-said", { http: [{ pathPrefix: "/test.Echo/Say" }], action: "DENY" });
  await apply("no-stock", { ports: [7070], action: "DENY" });
  const [, said] = refused(`by ${NAMESPACE}/not-said`);
  const each = Object.fromEntries(NAMES.map((name) => [name, ["answered", said, "closed"]]));
  await expect.poll(answers, SOON).toEqual(each);
  await remove("not-said", "no-stock");
});

test("the kubelet's probes went on meanwhile", async () => {
  const template = "{range .items[0].status.containerStatuses[*]}{.name} {.ready} {.restartCount} {end}";
  const words = ["get", "pods", "-n", NAMESPACE, "-l", "app=payment", "-o", `jsonpath=${template}`];
  expect((await kubectl.run(words)).trim()).toBe("payment true 0 stock true 0");
});

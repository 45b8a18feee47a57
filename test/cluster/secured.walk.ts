// Connections between pods of the mesh are secured without anybody doing anything, and others go on as they are allowed to.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MetricsPage } from "../mesh/metrics-page.js";
import {
  applicationImage,
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const SYSTEM = "mesh-system";
const NAMESPACE = "secured";
const SOON = { timeout: 120_000, interval: 1000 };
const CALLERS = ["client", "older", "stranger"] as const;
type Caller = (typeof CALLERS)[number];

const inSecured = (...words: string[]) => kubectl.run(["-n", NAMESPACE, ...words]);

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut(SYSTEM, "mesh-control-plane");
  await rolledOut(SYSTEM, "mesh-webhook");
  await kubectl.run(["create", "namespace", NAMESPACE]);
  const program = fileURLToPath(new URL("traffic/programs/probed.mjs", import.meta.url));
  await inSecured("create", "configmap", "programs", `--from-file=${program}`);
  const manifests = readFileSync(new URL("secured.yaml", import.meta.url), "utf8");
  const { stdout } = await edited(
    "inject",
    manifests.replaceAll("APPLICATION_IMAGE", await applicationImage()),
  );
  await kubectl.run(["apply", "-f", "-"], stdout.split("---\n").map(asOlder).join("---\n"));
  for (const name of ["web", "strict", ...CALLERS]) await rolledOut(NAMESPACE, name);
});
afterAll(async () => {
  await kubectl.run(["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
  await uninstall();
});

/** The Deployment `older` with what an earlier version of the mesh gave to its sidecar. */
function asOlder(document: string): string {
  if (!document.includes("name: older,") || !document.includes("kind: Deployment")) return document;
  const newer = /- name: MESH_PROXY_(TRUST_ROOTS|INBOUND_TLS)\n +value: \S+\n +/g;
  expect(document).toMatch(newer);
  return document.replace(newer, "");
}

/** Runs a script in a caller's pod, and gives what it prints. */
const runIn = (caller: Caller, script: string) =>
  inSecured("exec", `deployment/${caller}`, "-c", "client", "--", "/node", "-e", script);

/** How a caller is answered: the status, and what a proxy has to say of it. */
async function called(caller: Caller, url: string): Promise<string> {
  const told = `answer => console.log(answer.status, answer.headers.get("mesh-proxy-error") ?? "")`;
  return (
    await runIn(caller, `fetch("${url}").then(${told}, (error) => console.log(error.cause.code))`)
  ).trim();
}

/** What the sidecar of a caller counts. */
const metricsOf = async (caller: Caller) =>
  new MetricsPage(
    await runIn(
      caller,
      `fetch("http://127.0.0.1:4191/metrics").then((page) => page.text()).then(console.log)`,
    ),
  );

async function check(id: string): Promise<{ state: string; detail?: string } | undefined> {
  const { stdout } = await mesh("check", "-o", "json");
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string; detail?: string }[] };
  return checks.find((one) => one.id === id);
}

test("pods of the mesh speak to each other by mTLS, and mesh stat shows it", async () => {
  await expect.poll(() => called("client", "http://web"), SOON).toBe("200");
  for (let count = 0; count < 20; count++) expect(await called("client", "http://web")).toBe("200");
  const page = await metricsOf("client");
  const toWeb = { direction: "outbound", dst_workload: "web" };
  expect(page.sum("mesh_requests_total", { ...toWeb, tls: "true" })).toBeGreaterThanOrEqual(21);
  expect(page.sum("mesh_requests_total", { ...toWeb, tls: "false" })).toBe(0);
  const secured = async () => {
    const words = ["stat", "deploy/client", "--to", "deploy/web", "-n", NAMESPACE, "-o", "json"];
    const { rows } = JSON.parse((await mesh(...words)).stdout) as { rows: { secured: number | null }[] };
    return rows[0]?.secured;
  };
  await expect.poll(secured, SOON).toBe(1);
});

test("plain text is refused by a strict pod, whose probes go on, and taken by a permissive one", async () => {
  expect(await called("stranger", "http://web")).toBe("200");
  expect(await called("stranger", "http://strict")).toBe("403 identity-required");
  expect(await called("older", "http://strict")).toBe("403 identity-required");
  expect(await called("client", "http://strict")).toBe("200");
  const template = "{range .items[0].status.containerStatuses[*]}{.ready} {.restartCount} {end}";
  const printed = await inSecured("get", "pods", "-l", "app=strict", "-o", `jsonpath=${template}`);
  expect(printed.trim()).toBe("true 0 true 0 true 0 true 0");
});

test("a sidecar without roots speaks plain text with the others, both ways, and mesh check tells of it", async () => {
  expect(await called("older", "http://web")).toBe("200");
  expect(await called("client", "http://older")).toBe("200");
  const page = await metricsOf("older");
  expect(page.sum("mesh_requests_total", { tls: "true" })).toBe(0);
  expect(await check("plain-text")).toMatchObject({
    state: "warning",
    detail: expect.stringContaining("secured/older-") as unknown,
  });
});

const permission = (name: string, spec: object) =>
  JSON.stringify({
    apiVersion: "mesh.dev/v1alpha1",
    kind: "TrafficPermission",
    metadata: { name, namespace: NAMESPACE },
    spec: { targetRefs: [{ group: "apps", kind: "Deployment", name: "web" }], ...spec },
  });

const apply = (text: string) => kubectl.run(["apply", "-f", "-"], text);

const answers = async (path: string) =>
  Promise.all(CALLERS.map((caller) => called(caller, `http://web${path}`)));

test("a TrafficPermission says who may call, mesh auth tells it, and without one anybody may again", async () => {
  const refused = "403 permission-denied";
  const workload = (name: string) => ({ workloads: [{ kind: "Deployment", name }] });
  await apply(permission("from-client", { from: [workload("client")], action: "ALLOW" }));
  await expect.poll(() => answers("/hello"), SOON).toEqual(["200", refused, refused]);
  await apply(permission("no-admin", { http: [{ pathPrefix: "/admin" }], action: "DENY" }));
  await expect.poll(() => answers("/admin/users"), SOON).toEqual([refused, refused, refused]);
  expect(await called("client", "http://web/administration")).toBe("200");

  const { stdout } = await mesh("auth", "deploy/web", "-n", NAMESPACE);
  expect(stdout).toMatch(/^deployment\/web +secured\/from-client +ALLOW +\* +\* +deployment\/client$/m);
  expect(stdout).toMatch(/^deployment\/web +secured\/no-admin +DENY +\* +\/admin +\*$/m);
  const decided = async () => (await mesh("auth", "deploy/web", "-n", NAMESPACE)).stdout;
  const identity = "spiffe://cluster\\.local/ns/secured/sa/default";
  await expect.poll(decided, SOON).toMatch(new RegExp(`${identity} +secured/no-admin +DENY +\\d+`));

  await apply(permission("from-client", { from: [workload("nobody")], action: "ALLOW" }));
  await expect.poll(() => answers("/hello"), SOON).toEqual([refused, refused, refused]);
  await expect
    .poll(() => check("configuration"), SOON)
    .toMatchObject({
      state: "warning",
      detail: expect.stringContaining("trafficpermission secured/from-client") as unknown,
    });
  const ready = await inSecured(
    "get",
    "pods",
    "-l",
    "app=web",
    "-o",
    "jsonpath={.items[0].status.containerStatuses[0].ready}",
  );
  expect(ready).toBe("true");
  await inSecured("delete", "trafficpermissions", "--all");
  await expect.poll(() => answers("/hello"), SOON).toEqual(["200", "200", "200"]);
});

/** A kubelet that has mounted a volume looks at it again within two minutes. */
const WAITING_FOR_KUBELET = 300_000;

test(
  "the root is changed by mesh ca rotate while requests go on, and no one fails",
  async () => {
    const roots = () => inSecured("get", "configmap", "mesh-trust-roots", "-o", "jsonpath={.data.ca\\.crt}");
    const former = await roots();
    const over = new AbortController();
    const load = (async () => {
      const seen: string[] = [];
      while (!over.signal.aborted) seen.push(await called("client", "http://strict/hello"));
      return seen;
    })();
    const rotated = await mesh("ca", "rotate", "--wait", "4m").finally(() => {
      over.abort();
    });
    expect(rotated.stdout.split("\n").map((line) => line.slice(0, 3))).toEqual(["1/3", "2/3", "3/3", ""]);
    expect(new Set(await load)).toEqual(new Set(["200"]));
    await expect.poll(roots, SOON).not.toContain(former);
    expect(await roots()).toMatch(/^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/);
    expect((await check("trust-root"))?.state).toBe("passed");
  },
  WAITING_FOR_KUBELET,
);

test(
  "a pod that starts before its namespace has the roots becomes ready once it has",
  async () => {
    await kubectl.run(["-n", SYSTEM, "scale", "deployment/mesh-control-plane", "--replicas=0"]);
    await kubectl.run([
      ...["-n", SYSTEM, "wait", "pods", "-l", "app.kubernetes.io/name=mesh-control-plane"],
      ...["--for=delete", "--timeout=60s"],
    ]);
    await inSecured("delete", "configmap", "mesh-trust-roots");
    await inSecured("rollout", "restart", "deployment/client");
    const newest = async () =>
      (
        await inSecured(
          ...["get", "pods", "-l", "app=client", "--sort-by=.metadata.creationTimestamp"],
          ...["-o", "jsonpath={.items[-1:].metadata.name}"],
        )
      ).trim();
    const log = async () => inSecured("logs", await newest(), "-c", "mesh-proxy").catch(() => "");
    await expect.poll(log, SOON).toContain("roots.crt");
    await kubectl.run(["-n", SYSTEM, "scale", "deployment/mesh-control-plane", "--replicas=1"]);
    await rolledOut(SYSTEM, "mesh-control-plane");
    await rolledOut(NAMESPACE, "client");
    await expect.poll(() => called("client", "http://strict"), SOON).toBe("200");
    await expect.poll(async () => (await check("trust-roots"))?.state, SOON).toBe("passed");
  },
  WAITING_FOR_KUBELET,
);

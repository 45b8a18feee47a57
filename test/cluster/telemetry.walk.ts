// The installation's Prometheus: whom it scrapes, what it makes of that, and who asks it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dashboardQueries } from "../install/dashboards.js";
import { applyPrinted, edited, inUrl, kubectl, mesh, rolledOut, uninstall } from "./administrator.js";
import { PrometheusAccess } from "./prometheus.js";

const SYSTEM = "mesh-system";
const SHOP = "hello-world";
const SOON = { timeout: 90_000, interval: 1000 };
const VALUES = ["controlPlane.replicas=2", "webhook.replicas=2", "prometheus.scrapeInterval=2s"];

let prometheus: PrometheusAccess;

beforeAll(async () => {
  await applyPrinted("install", "--no-grafana", ...VALUES.flatMap((value) => ["--set", value]));
  await rolledOut(SYSTEM, "mesh-control-plane");
  const sample = new URL("../../samples/hello-world/hello-world.yaml", import.meta.url);
  const { stdout } = await edited("inject", readFileSync(sample, "utf8"));
  await kubectl.run(["apply", "-f", "-"], stdout + NOBODY);
  for (const name of ["mesh-webhook", "mesh-prometheus"]) await rolledOut(SYSTEM, name);
  for (const name of ["hello", "world", "traffic"]) await rolledOut(SHOP, name);
  prometheus = await PrometheusAccess.open();
});
afterAll(async () => {
  prometheus.close();
  await uninstall(SHOP);
});

/** A service without endpoints. */
const NOBODY = `---
apiVersion: v1
kind: Service
metadata:
  name: nobody
  namespace: ${SHOP}
spec:
  selector: { app: nobody }
  ports: [{ port: 80 }]
`;

interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  readonly status: { readonly podIP: string };
}

async function podsOf(namespace: string): Promise<Pod[]> {
  const list = await kubectl.run(["get", "pods", "-n", namespace, "-o", "json"]);
  return (JSON.parse(list) as { items: Pod[] }).items;
}

const partOf = ({ metadata }: Pod) => metadata.labels["app.kubernetes.io/name"] ?? "";
const hasSidecar = ({ spec }: Pod) => (spec.initContainers ?? []).some(({ name }) => name === "mesh-proxy");

test("every proxy and every replica of the control plane and the webhook is scraped, and nothing else", async () => {
  const system = await podsOf(SYSTEM);
  const replicas = system.filter((pod) => ["mesh-control-plane", "mesh-webhook"].includes(partOf(pod)));
  const sidecars = [...system, ...(await podsOf(SHOP))].filter(hasSidecar);
  expect([replicas.length, sidecars.length]).toEqual([4, 9]);
  const expected = [
    "http://127.0.0.1:9090/metrics",
    ...replicas.map(({ status }) => `http://${inUrl(status.podIP)}:10990/metrics`),
    ...sidecars.map(({ status }) => `http://${inUrl(status.podIP)}:4191/metrics`),
  ];
  const scraped = async () =>
    (await prometheus.targets())
      .map(({ scrapeUrl, health, lastError }) => [scrapeUrl, health, lastError])
      .sort();
  await expect.poll(scraped, SOON).toEqual(expected.sort().map((url) => [url, "up", ""]));
});

test("it answers nobody without an identity but the kubelet", async () => {
  const [pod] = (await podsOf(SYSTEM)).filter((one) => partOf(one) === "mesh-prometheus");
  const host = inUrl(pod?.status.podIP ?? "");
  const get = (path: string) => `await fetch("http://${host}:10090${path}").then(({ status }) => status)`;
  const script = `(async () => console.log(${get("/api/v1/query?query=up")}, ${get("/-/ready")}))()`;
  // NetworkPolicies let the control plane connect, and its program is in no sidecar's care: nothing is redirected there.
  const inControlPlane = ["-n", SYSTEM, "deployment/mesh-control-plane", "-c", "control-plane"];
  const printed = await kubectl.run(["exec", ...inControlPlane, "--", "/node", "-e", script]);
  expect(printed.trim()).toBe("403 200");
});

test("every recording rule and every alert is evaluated without error", async () => {
  const files = await kubectl.run([
    "get",
    "configmap",
    "mesh-prometheus",
    "-n",
    SYSTEM,
    "-o",
    "jsonpath={.data}",
  ]);
  const written = Object.values(JSON.parse(files) as Record<string, string>).flatMap((file) =>
    [...file.matchAll(/^ +(?:- )?(?:record|alert): "?([\w:]+)/gm)].map(([, name]) => name),
  );
  expect(written).toHaveLength(15);
  const evaluated = async () =>
    (await prometheus.rules()).map(({ name, health, lastError }) => [name, health, lastError ?? ""]).sort();
  await expect.poll(evaluated, SOON).toEqual(written.sort().map((name) => [name, "ok", ""]));
});

/** A panel of trouble that is made by nothing here. */
const TROUBLE = "TCP connections closed a second, by reason";

test("every panel of the dashboards shows something", async () => {
  const call = `setInterval(() => fetch("http://nobody").catch(() => undefined), 500); setTimeout(process.exit, 10000)`;
  const failing = kubectl.run([
    "exec",
    "-n",
    SHOP,
    "deployment/hello",
    "-c",
    "hello",
    "--",
    "/node",
    "-e",
    call,
  ]);
  const { stdout } = await mesh("install", "-o", "json");
  const { items } = JSON.parse(stdout) as {
    items: { metadata: { name: string }; data: Record<string, string> }[];
  };
  const dashboards = items.find(({ metadata }) => metadata.name === "mesh-grafana-dashboards")?.data ?? {};
  const variables = { namespace: SHOP, workload: "hello" };
  const queries = Object.values(dashboards)
    .flatMap((dashboard) => dashboardQueries(dashboard, variables))
    .filter(({ panel }) => panel !== TROUBLE);
  expect(queries.length).toBeGreaterThan(30);
  const empty = async () => {
    const counts = await Promise.all(queries.map(({ expression }) => prometheus.countOf(expression)));
    return queries.filter((_, index) => counts[index] === 0);
  };
  await expect.poll(empty, SOON).toEqual([]);
  await failing;
});

interface NetworkPolicy {
  readonly spec: {
    readonly podSelector: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly ingress?: readonly {
      readonly from?: readonly {
        readonly podSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
      }[];
      readonly ports: readonly { readonly port: number }[];
    }[];
  };
}

/** What the NetworkPolicies of the mesh let a part connect to, as PART:PORT. */
async function openTo(part: string): Promise<Set<string>> {
  const list = await kubectl.run(["get", "networkpolicies", "-n", SYSTEM, "-o", "json"]);
  const { items } = JSON.parse(list) as { items: NetworkPolicy[] };
  const name = (labels: Readonly<Record<string, string>> = {}) => labels["app.kubernetes.io/name"];
  return new Set(
    items.flatMap(({ spec }) =>
      (spec.ingress ?? [])
        .filter(({ from }) => from?.some(({ podSelector }) => name(podSelector?.matchLabels) === part))
        .flatMap(({ ports }) =>
          ports.map(({ port }) => `${name(spec.podSelector.matchLabels) ?? ""}:${port}`),
        ),
    ),
  );
}

test("NetworkPolicies open to Prometheus what it scrapes of the mesh's own pods, and itself to who asks it", async () => {
  const parts = new Map((await podsOf(SYSTEM)).map((pod) => [inUrl(pod.status.podIP), partOf(pod)]));
  const scraped = (await prometheus.targets()).flatMap(({ scrapeUrl }) => {
    const { hostname, port } = new URL(scrapeUrl);
    return parts.has(hostname) ? [`${parts.get(hostname) ?? ""}:${port}`] : [];
  });
  expect(scraped).toHaveLength(9);
  expect(await openTo("mesh-prometheus")).toEqual(new Set(scraped));
  expect(await openTo("mesh-control-plane")).toContain("mesh-prometheus:10090");
});

interface Stat {
  readonly keeper: string;
  readonly notes: readonly string[];
  readonly rows: readonly { readonly name: string; readonly http: { requests_per_second: number } | null }[];
}

/** What `mesh stat` says of where its figures come from, and which workloads have traffic. */
async function stat() {
  const { stdout } = await mesh("stat", "deploy", "-n", SHOP, "-o", "json");
  const { keeper, notes, rows } = JSON.parse(stdout) as Stat;
  const busy = rows.filter(({ http }) => (http?.requests_per_second ?? 0) > 0).map(({ name }) => name);
  return { keeper, notes, busy: busy.sort() };
}

const BUSY = ["hello", "world"];

test("mesh stat asks it, falls back to what the control plane has seen when it is away, and comes back to it", async () => {
  await expect.poll(stat, SOON).toEqual({ keeper: "prometheus", notes: [], busy: BUSY });
  prometheus.close();
  const scale = (replicas: number) =>
    kubectl.run(["scale", "-n", SYSTEM, "deployment/mesh-prometheus", `--replicas=${replicas}`]);
  await scale(0);
  const reason =
    /^Prometheus \(http:\/\/mesh-prometheus\.mesh-system\.svc:9090\): \S.*; the figures are what the control plane itself has seen$/;
  await expect.poll(stat, SOON).toEqual({
    keeper: "control-plane",
    notes: expect.arrayContaining([expect.stringMatching(reason)]) as unknown,
    busy: BUSY,
  });
  await scale(1);
  await expect.poll(stat, SOON).toMatchObject({ keeper: "prometheus", busy: BUSY });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { StatRequest } from "../generated/mesh/api/v1/StatRequest.js";
import { ControlPlaneClient, routeTo } from "../src/client/index.js";
import { type ControlPlane, startControlPlane } from "../src/control-plane/index.js";
import { statAsJson } from "../src/stat/json.js";
import { type HelloAndWorld, startHelloAndWorld } from "./hello-and-world.js";
import { send } from "./mesh/clients.js";
import { runMesh } from "./mesh-command.js";
import { type RunningPrometheus, startPrometheus } from "./prometheus.js";

const SOON = { timeout: 60_000, interval: 100 };

// Prometheus scrapes both sidecars, and so does the control plane.
let directory: string;
let prometheus: RunningPrometheus;
let controlPlane: ControlPlane;
let client: ControlPlaneClient;
let traffic: HelloAndWorld;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-stat-prometheus-"));
  const file = (name: string) => join(directory, name);
  const scrape = {
    job_name: "mesh-proxy",
    file_sd_configs: [{ files: ["targets.json"], refresh_interval: "1s" }],
  };
  const configuration = { global: { scrape_interval: "1s", scrape_timeout: "1s" }, scrape_configs: [scrape] };
  writeFileSync(file("prometheus.yml"), JSON.stringify(configuration));
  writeFileSync(file("targets.json"), "[]");
  prometheus = await startPrometheus([
    `--config.file=${file("prometheus.yml")}`,
    `--storage.tsdb.path=${file("data")}`,
    "--web.listen-address=127.0.0.1:0",
  ]);
  mkdirSync(file("mesh"));
  mkdirSync(file("mesh/disco"));
  const started = await startControlPlane({
    source: { directory: file("mesh") },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    prometheusUrl: `http://${prometheus.address}`,
    version: "0.0.0",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  controlPlane = started.value;
  client = new ControlPlaneClient(routeTo(controlPlane.apiAddress));
  traffic = await startHelloAndWorld({
    controlPlane: controlPlane.discoveryAddress,
    directory: file("mesh"),
    answersAfterMs: 5,
  });
  writeFileSync(file("targets.json"), JSON.stringify([{ targets: traffic.admins }]));
}, SOON.timeout);

afterAll(async () => {
  await traffic.stop();
  client.close();
  await controlPlane.stop();
  await prometheus.stop();
  rmSync(directory, { recursive: true });
});

test("Prometheus and the control plane tell the same of the same traffic", { timeout: 240_000 }, async () => {
  const deployment = { type: "deployment", namespace: "default", name: "world" };
  const service = { ...deployment, type: "service" };
  const workload = { type: "workload", namespace: "default", name: "hello" };
  const pod = { type: "pod", namespace: "default", name: "hello-1" };
  const questions: StatRequest[] = [
    { selector: service },
    { selector: deployment },
    { selector: deployment, from: workload },
    { selector: pod, to: service },
  ];
  for (const question of questions) {
    await vi.waitFor(async () => {
      const kept = await figures(question, 60);
      const seen = await figures(question, 59);
      expect([kept.keeper, seen.keeper]).toEqual(["prometheus", "control-plane"]);
      expect(kept.notes).toEqual([]);
      expect(seen.notes).toContainEqual(
        expect.stringMatching(/^Prometheus is not asked about less than 60s; /),
      );
      const [theirs, ours] = [kept.rows[0], seen.rows[0]];
      expect(theirs).toMatchObject({ type: ours?.type, name: ours?.name, meshed_pods: 1 });
      expect(Object.keys(theirs?.http ?? {})).toHaveLength(6);
      const { requests_per_second_by_protocol: protocols, ...rest } = theirs?.http ?? {};
      expect(protocols).toEqual({
        http1: expect.closeTo(rest["requests_per_second"] ?? 0, 3) as number,
      });
      for (const figure of Object.keys(rest)) isNear(rest[figure], ours?.http?.[figure]);
      for (const figure of ["read_bytes_per_second", "write_bytes_per_second"]) {
        isNear(theirs?.tcp?.[figure], ours?.tcp?.[figure]);
      }
      expect(theirs?.tcp?.["open_connections"]).toBeGreaterThan(0);
    }, SOON);
  }
});

test("both tell alike who called and who was refused, if only once", { timeout: 120_000 }, async () => {
  const permission = {
    apiVersion: "mesh.dev/v1alpha1",
    kind: "TrafficPermission",
    metadata: { name: "no-admin" },
    spec: { http: [{ pathPrefix: "/admin" }], action: "DENY" },
  };
  writeFileSync(join(directory, "mesh", "no-admin.yaml"), JSON.stringify(permission));
  const refused = async () => (await send(traffic.outbound, "world", { path: "/admin" })).status;
  await vi.waitFor(async () => expect(await refused()).toBe(403), SOON);
  await vi.waitFor(async () => {
    const [kept, seen] = [await decisions(60), await decisions(59)];
    expect([kept.keeper, seen.keeper]).toEqual(["prometheus", "control-plane"]);
    expect(kept.counts["default/no-admin DENY"]).toBe(1);
    expect(seen.counts["default/no-admin DENY"]).toBeCloseTo(1);
    expect(Object.keys(kept.counts).sort()).toEqual(Object.keys(seen.counts).sort());
    isNear(kept.counts[" ALLOW"], seen.counts[" ALLOW"]);
  }, SOON);
});

test("with Prometheus, a window may be longer than what the control plane keeps", SOON, async () => {
  await vi.waitFor(async () => {
    const { status, stdout } = await stat("deploy", "-t", "1h", "-o", "json");
    expect(status).toBe(0);
    const { keeper, notes, rows } = JSON.parse(stdout) as Stat;
    expect([keeper, notes]).toEqual(["prometheus", []]);
    expect(rows[0]?.http?.["success_rate"]).toBeGreaterThan(0.7);
    expect(rows[0]?.http?.["success_rate"]).toBeLessThan(0.9);
  }, SOON);
  const wide = await stat("deploy", "-o", "wide");
  expect([wide.status, wide.stderr]).toEqual([0, "the figures are Prometheus's\n"]);
});

test(
  "without an answer of Prometheus, the control plane's own figures are shown, with the reason",
  SOON,
  async () => {
    await prometheus.stop();
    const url = `http://${prometheus.address}`;
    const { status, stdout, stderr } = await stat("deploy");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^world +1\/1 +\d\d\.\d\d% /m);
    expect(stderr).toContain(
      `Prometheus (${url}): ECONNREFUSED; the figures are what the control plane itself has seen\n`,
    );
    expect(await stat("deploy", "-t", "1h")).toMatchObject({
      status: 1,
      stdout: "",
      stderr: `error: Prometheus (${url}): ECONNREFUSED; the control plane itself keeps 10 minutes of traffic\ntry: -t 10m, or give the control plane a Prometheus: --prometheus-url URL\n`,
    });
  },
);

/** As `mesh stat -o json` prints it. */
interface Stat {
  keeper: string;
  notes: string[];
  rows: { type: string; name: string; http: Figures | null; tcp: Figures | null }[];
}

type Figures = Readonly<Record<string, number>>;

async function figures(question: StatRequest, seconds: number): Promise<Stat> {
  const response = await client.stat({ ...question, window: { seconds, nanos: 0 } });
  return statAsJson(response, seconds) as unknown as Stat;
}

/** How often which permission decided what of world's callers. */
async function decisions(seconds: number) {
  const selector = { type: "deployment", namespace: "default", name: "world" };
  const { keeper, resources } = await client.auth({ selector, window: { seconds, nanos: 0 } });
  const decided = resources[0]?.decisions ?? [];
  const counts = decided.map(({ permission, action, count }) => [`${permission} ${action}`, count] as const);
  return { keeper, counts: Object.fromEntries(counts) };
}

const stat = (...words: string[]) => runMesh(["stat", ...words], { MESH_API: controlPlane.apiAddress });

/** The two do not look at the same moments: they differ by what happens in between. */
function isNear(actual: number | undefined, expected: number | undefined): void {
  expect(actual).toBeGreaterThan((expected ?? 0) * 0.8);
  expect(actual).toBeLessThan((expected ?? 0) * 1.25);
}

// Holds what the rendered containers are started with against the programs that they start.
import { type ChildProcess, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { findProxyBinary } from "../../src/sidecar/index.js";
import { type ApiServer, startApiServer } from "../kubernetes/api-server.js";
import { ended, startMesh } from "../mesh-command.js";
import { startPrometheus } from "../prometheus.js";
import { find, objectsOf, SHAPES } from "./installations.js";

interface Container {
  name: string;
  args?: string[];
  env?: { name: string; value?: string }[];
}
interface PodTemplate {
  metadata: object;
  spec: { containers: Container[]; initContainers?: Container[] };
}

function podTemplate(shape: string, part: string): PodTemplate {
  const object = find(objectsOf(shape), "Deployment", part);
  return (object as unknown as { spec: { template: PodTemplate } }).spec.template;
}

function container(shape: string, part: string, name: string): Container {
  const { containers, initContainers = [] } = podTemplate(shape, part).spec;
  const found = [...containers, ...initContainers].find((one) => one.name === name);
  if (!found) throw new Error(`${part} has no ${name}`);
  return found;
}

/** What a container's program is started with, on free ports of this machine. */
const argumentsOf = (shape: string, part: string, name: string) =>
  (container(shape, part, name).args ?? []).map((word) => word.replace(/=[\d.]+:\d+$/, "=127.0.0.1:0"));

/** Both start programs that take their time on a busy machine. */
const SLOW = { timeout: 60_000 };
const DEADLINE = { timeout: 50_000 };

let server: ApiServer;
/** What the API server lists, by the last part of the path; while it is undefined, whoever asks waits. */
let lists: Record<string, object[]> | undefined;
const waiting: (() => void)[] = [];
beforeAll(async () => {
  server = await startApiServer(({ method, path, query, body }) => {
    if (query.get("watch") === "true") return { watch: () => undefined };
    // The trust root and its like: not there yet, and taken when they are made.
    if (method === "POST") return { status: 201, body };
    if (/\/(secrets|configmaps)\/[^/]+$/.test(path)) return undefined;
    const list = () => {
      const items = lists?.[path.split("/").at(-1) ?? ""] ?? [];
      return { metadata: { resourceVersion: "1" }, items };
    };
    if (lists) return { body: list() };
    return {
      watch: (answer) => {
        waiting.push(() => {
          answer.send(list());
          answer.end();
        });
      },
    };
  });
});
afterAll(() => server.stop());

const started: ChildProcess[] = [];
/** Where the control plane's container answers probes. */
let admin: string;
beforeAll(async () => {
  admin = await startProgram(argumentsOf("default", "mesh-control-plane", "control-plane"));
}, SLOW.timeout);
afterAll(() => started.forEach((command) => command.kill("SIGKILL")));

/** Starts the control plane's program; gives its admin address. */
function startProgram(words: string[]): Promise<string> {
  const command = startMesh([...words, "--kubeconfig", server.kubeconfig, "--stop-with-stdin"]);
  started.push(command);
  const end = ended(command);
  return new Promise((resolve, reject) => {
    void end.then(({ status, stderr }) => reject(new Error(`ended with ${status}: ${stderr}`)));
    createInterface({ input: command.stderr }).on("line", (line) => {
      // What it says when it fails is no JSON.
      if (!line.startsWith("{")) return;
      const { message, address } = JSON.parse(line) as Record<string, string>;
      if (message === "listening for probes and metrics") resolve(address ?? "");
    });
  });
}

const get = (path: string) => fetch(`http://${admin}${path}`);
const becomesReady = () => expect.poll(async () => (await get("/ready")).status, DEADLINE).toBe(200);

/** Lets Kubernetes answer: with the control plane's own pod, and one that has ended. */
function listPods(): void {
  const { metadata, spec } = podTemplate("default", "mesh-control-plane");
  const pod = (name: string, status: object) => ({
    metadata: { ...metadata, name, namespace: "mesh-system", resourceVersion: "1" },
    spec,
    status,
  });
  const running = { phase: "Running", podIP: "127.0.0.9", podIPs: [{ ip: "127.0.0.9" }] };
  lists = {
    pods: [pod("mesh-control-plane-0", running), pod("ended", { ...running, phase: "Failed" })],
  };
  for (const answer of waiting.splice(0)) answer();
}

test(
  "the control plane takes its arguments, answers probes, and tells Prometheus of every sidecar",
  SLOW,
  async () => {
    expect((await get("/live")).status).toBe(200);
    expect((await get("/ready")).status).toBe(503);
    listPods();
    await becomesReady();
    expect(await (await get("/targets/proxies")).json()).toEqual([
      { targets: ["127.0.0.9:4191"], labels: { namespace: "mesh-system", pod: "mesh-control-plane-0" } },
    ]);
    const page = await (await get("/metrics")).text();
    expect(page).toMatch(/^mesh_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    const checked = spawnSync("promtool", ["check", "metrics"], { input: page, encoding: "utf8" });
    expect(checked).toMatchObject({ status: 0, stdout: "", stderr: "" });
  },
);

test(
  "Prometheus takes its arguments and its files, and asks the control plane for sidecars",
  SLOW,
  async () => {
    listPods();
    await becomesReady();
    const folder = mkdtempSync(join(tmpdir(), "mesh-prometheus-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { data } = find(objectsOf("default"), "ConfigMap", "mesh-prometheus") as unknown as {
      data: Record<string, string>;
    };
    for (const [name, text] of Object.entries(data)) {
      const here = text.replace("mesh-control-plane-admin.mesh-system.svc:9990", admin);
      // There is no sidecar.
      writeFileSync(join(folder, name), here.replace(/^ *proxy_url: .*\n/gm, ""));
    }
    const words = argumentsOf("default", "mesh-prometheus", "prometheus").map((word) =>
      word.replace("=/etc/prometheus", `=${folder}`).replace("=/prometheus", `=${join(folder, "data")}`),
    );
    const prometheus = await startPrometheus(words);
    onTestFinished(() => prometheus.stop());
    const targets = async () => {
      const answer = await fetch(`http://${prometheus.address}/api/v1/targets?scrapePool=mesh-proxy`);
      const { data } = (await answer.json()) as { data: { activeTargets: { labels: object }[] } };
      return data.activeTargets.map(({ labels }) => labels);
    };
    await expect.poll(targets, DEADLINE).toEqual([
      {
        instance: "127.0.0.9:4191",
        job: "mesh-proxy",
        namespace: "mesh-system",
        pod: "mesh-control-plane-0",
      },
    ]);
  },
);

const givenByKubernetes = (name: string) => (name === "MESH_PROXY_IPS" ? "10.0.0.1,fd00::1" : "given");

test.each(Object.keys(SHAPES))("the sidecars of the %s installation take their environment", (shape) => {
  const parts = objectsOf(shape).filter(({ kind }) => kind === "Deployment");
  expect(parts.length).toBeGreaterThan(1);
  for (const { name: part } of parts.map(({ metadata }) => metadata)) {
    const variables = container(shape, part, "mesh-proxy").env ?? [];
    expect(variables.length).toBeGreaterThan(8);
    const given = variables.map(({ name, value }) => [name, value ?? givenByKubernetes(name)]);
    // It refuses the first variable that it cannot take: this one, of which it reads every other one before.
    const env = {
      ...(Object.fromEntries(given) as Record<string, string>),
      MESH_PROXY_STOP_WITH_STDIN: "wrong",
    };
    expect(spawnSync(findProxyBinary(), [], { env, encoding: "utf8" })).toMatchObject({
      status: 2,
      stderr: 'error: MESH_PROXY_STOP_WITH_STDIN: "wrong" is not true or false\n',
    });
  }
});

test("the webhook takes its arguments and the values, and waits for what it has to make", SLOW, async () => {
  lists = { namespaces: [] };
  for (const answer of waiting.splice(0)) answer();
  const folder = mkdtempSync(join(tmpdir(), "mesh-webhook-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { data } = find(objectsOf("default"), "ConfigMap", "mesh-values") as unknown as {
    data: Record<string, string>;
  };
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text);
  const words = argumentsOf("default", "mesh-webhook", "webhook");
  const address = await startProgram(words.map((word) => word.replace("=/etc/mesh", `=${folder}`)));
  expect((await fetch(`http://${address}/ready`)).status).toBe(503);
  expect((await fetch(`http://${address}/live`)).status).toBe(200);
  // The stand-in has no webhook configurations.
  const ready = async () => (await fetch(`http://${address}/ready`)).text();
  await expect.poll(ready, DEADLINE).toBe("waiting for a certificate\n");
});

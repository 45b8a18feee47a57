// mesh bench in a cluster, on an API server in memory that plays the kubelet.
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { BenchReport } from "../src/bench/index.js";
import { type ApiServer, type Answering, startApiServer, statusAnswer } from "./kubernetes/api-server.js";
import { ClusterState, type StoredObject } from "./kubernetes/cluster-state.js";
import { installedMesh, namespace } from "./kubernetes/installed-mesh.js";
import { ended, runMesh, startMesh } from "./mesh-command.js";

const VERSION = "0.1.0";
const RUNNING = { containerStatuses: [{ name: "any", state: { running: {} } }], phase: "Running" };

let server: ApiServer;
let state: ClusterState;
let mesh: StoredObject[];
/** What a pod that was made tells of itself. */
let podStatus: object;
/** What the load's pod prints. */
let log: readonly object[];

beforeAll(async () => {
  server = await startApiServer(() => undefined);
  mesh = installedMesh(VERSION);
});
afterAll(() => server.stop());
beforeEach(() => {
  state = new ClusterState();
  state.put(...mesh, namespace("shop", {}), namespace("default", {}));
  podStatus = RUNNING;
  log = [];
  server.received.length = 0;
  server.answering = answer;
});

const answer: Answering = (request) => {
  if (request.path.endsWith("-load/log")) {
    return {
      watch: (watch) => {
        for (const line of log) watch.send(line);
        watch.end();
      },
    };
  }
  if (request.method === "POST" && request.path.endsWith("/pods")) {
    return state.answer({ ...request, body: { ...(request.body as StoredObject), status: podStatus } });
  }
  return state.answer(request);
};

const bench = (...words: string[]) =>
  runMesh(["bench", "-n", "shop", ...words], { KUBECONFIG: server.kubeconfig });

/** The pods and Services that were made, and that were deleted. */
function madeAndDeleted(): { made: string[]; deleted: string[] } {
  const of = (method: string, name: (index: number) => string) =>
    server.received
      .map((request, index) => ({ request, index }))
      .filter(({ request }) => request.method === method && /\/shop\/(pods|services)/.test(request.path))
      .map(({ index }) => name(index))
      .sort();
  return {
    made: of("POST", (index) => (server.received[index]?.body as StoredObject).metadata.name),
    deleted: of("DELETE", (index) => server.received[index]?.path.split("/").at(-1) ?? ""),
  };
}

const target = (name: string) => ({
  ...{ name, url: "http://any/", proxy: null, throughput: { median: 4000, min: 4000, max: 4000 } },
  ...{ latencyUs: { p50: null, p90: null, p99: null, p999: null, max: null }, addedUs: null },
  ...{ cpuUsPerRequest: { saturated: null, paced: null }, rssBytes: null },
  ...{ answered: 100, failed: 0, failures: {}, rounds: [] },
});
const REPORT: BenchReport = {
  machine: { cpu: "Node's CPU", cores: 4, memory: 8e9, kernel: "Linux 6.1", node: "v24.0.0", load: 0 },
  settings: { protocol: "http1", tls: false, connections: 32, rate: 1000, durationMs: 5000, rounds: 3 },
  targets: [target("direct"), target("one sidecar"), target("two sidecars")],
  notes: [],
};

test("prints what the pods measured, and removes them", async () => {
  log = [
    { progress: { target: "direct", phase: "warm-up", round: 0, rounds: 3, secondsLeft: 93 } },
    { report: REPORT },
  ];
  const { status, stdout, stderr } = await bench("-o", "markdown");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("on Node's CPU, 4 cores, 8GB of memory, Linux 6.1");
  expect(stdout).toContain("| two sidecars |");
  const { made, deleted } = madeAndDeleted();
  expect(made).toHaveLength(5);
  expect(deleted).toEqual(made);
});

test("two of three pods have a sidecar of their own, and the webhook leaves all of them alone", async () => {
  log = [{ report: REPORT }];
  await bench();
  const pods = server.received
    .filter(({ method, path }) => method === "POST" && path.endsWith("/pods"))
    .map(({ body }) => body as StoredObject & { spec: { initContainers?: { name: string }[] } });
  expect(pods.map(({ spec }) => spec.initContainers?.map(({ name }) => name))).toEqual([
    undefined,
    ["mesh-proxy", "mesh-init"],
    ["mesh-proxy", "mesh-init"],
  ]);
  for (const { metadata } of pods) expect(metadata.labels).toMatchObject({ "mesh.dev/inject": "disabled" });
});

test("an image that cannot be pulled is named", async () => {
  const waiting = { reason: "ImagePullBackOff", message: "no such host" };
  const image = "registry.mesh.dev/mesh-init:0.1.0";
  podStatus = {
    phase: "Pending",
    initContainerStatuses: [{ name: "mesh-init", image, state: { waiting } }],
  };
  const { status, stderr } = await bench();
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: the image registry\.mesh\.dev\/mesh-init:0\.1\.0 of pod mesh-bench-\S+ cannot be pulled \(ImagePullBackOff: no such host\)\ntry: /,
  );
  const { made, deleted } = madeAndDeleted();
  expect(deleted).toEqual(made);
});

test("a right that is missing is told, and what was made until then is removed", async () => {
  server.answering = (request) =>
    request.method === "POST" && request.path.endsWith("/pods")
      ? statusAnswer(
          403,
          "Forbidden",
          'pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "shop"',
        )
      : answer(request);
  expect(await bench()).toMatchObject({
    status: 1,
    stderr:
      "error: user 'jane' may not create pods in namespace shop\ntry: kubectl auth can-i create pods -n shop\n",
  });
  expect(madeAndDeleted().deleted).toHaveLength(2);
});

test("a policy that refuses a pod is told in its own words", async () => {
  const words =
    'pods "any" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities';
  server.answering = (request) =>
    request.method === "POST" && request.path.endsWith("/pods")
      ? statusAnswer(403, "Forbidden", words)
      : answer(request);
  const { status, stderr } = await bench();
  expect(status).toBe(1);
  expect(stderr).toContain(`error: the API server would not create pods in namespace shop: ${words}\n`);
});

test("a pod that ends without a result is told, with its reason", async () => {
  const terminated = { exitCode: 137, reason: "OOMKilled" };
  const change = (request: Parameters<Answering>[0]) => {
    if (request.path.endsWith("-load/log")) {
      podStatus = { phase: "Failed", containerStatuses: [{ name: "load", state: { terminated } }] };
      const name = request.path.split("/").at(-2) ?? "";
      state.change("Pod", name, (pod) => ({ ...pod, status: podStatus }));
    }
    return answer(request);
  };
  server.answering = change;
  const { status, stderr } = await bench();
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: pod mesh-bench-\S+-load ended: load with status 137 OOMKilled\n$/);
});

test.each([
  ["before they run", "/pods"],
  ["while they are measured", "-load/log"],
])("pods that somebody deletes %s, with their namespace, are told at once", async (_when, asked) => {
  server.answering = (request) => {
    if (request.method === "GET" && request.path.endsWith(asked)) {
      for (const name of madeAndDeleted().made) if (state.has("Pod", name)) state.remove("Pod", name);
      return state.answer(request);
    }
    return answer(request);
  };
  const { status, stderr } = await bench();
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: somebody deleted pod mesh-bench-\S+, or namespace shop with it\ntry: kubectl get namespace shop, /,
  );
});

test.each(["http1", "http2", "grpc", "tcp"])(
  "%s is spoken by the services and by the load",
  async (protocol) => {
    log = [{ report: REPORT }];
    expect(await bench("--protocol", protocol)).toMatchObject({ status: 0, stderr: "" });
    const commands = server.received
      .filter(({ method, path }) => method === "POST" && path.endsWith("/pods"))
      .map(
        ({ body }) => (body as { spec: { containers: { command: string[] }[] } }).spec.containers[0]?.command,
      );
    expect(commands.map((command) => command?.slice(2))).toEqual([
      ["8080", protocol],
      ["8080", protocol],
      [expect.stringContaining(`"protocol":"${protocol}","tls":true`)],
    ]);
  },
);

test("a namespace that is not there is told, with those that are", async () => {
  expect(await runMesh(["bench", "-n", "shup"], { KUBECONFIG: server.kubeconfig })).toMatchObject({
    status: 1,
    stderr: "error: there is no namespace 'shup' (there are: mesh-system, shop, default)\ntry: -n shop\n",
  });
});

test("a cluster without a mesh is told", async () => {
  state.remove("ConfigMap", "mesh-values");
  const { status, stderr } = await bench();
  expect(status).toBe(1);
  expect(stderr).toContain("error: mesh is not installed in the cluster at ");
});

test.each(["SIGINT", "SIGTERM"] as const)("%s removes what was made", async (signal) => {
  podStatus = { phase: "Pending" };
  const child = startMesh(["bench", "-n", "shop"], { KUBECONFIG: server.kubeconfig });
  onTestFinished(() => void child.kill("SIGKILL"));
  await expect.poll(() => madeAndDeleted().made.length, { timeout: 60_000 }).toBe(5);
  child.kill(signal);
  expect(await ended(child)).toMatchObject({ status: 1, stderr: "error: interrupted\n" });
  const { made, deleted } = madeAndDeleted();
  expect(deleted).toEqual(made);
});

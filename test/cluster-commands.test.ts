// Commands that find the control plane by a kubeconfig, on an API server in memory that forwards ports as a kubelet does.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type ControlPlane, startControlPlane } from "../src/control-plane/index.js";
import { Cluster } from "../src/kubernetes/index.js";
import { type ApiServer, startApiServer, statusAnswer } from "./kubernetes/api-server.js";
import { ClusterState, type StoredObject } from "./kubernetes/cluster-state.js";
import { meshedPod, namespace, plainPod } from "./kubernetes/installed-mesh.js";
import { ended, runMesh, startMesh } from "./mesh-command.js";

const SOON = { timeout: 30_000, interval: 100 };
const PODS = "/api/v1/namespaces/mesh-system/pods";

let server: ApiServer;
let state: ClusterState;
/** Where the commands' sockets are. */
let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mesh-cluster-commands-"));
  server = await startApiServer(() => undefined);
  environment = { KUBECONFIG: server.kubeconfig, HOME: folder, TMPDIR: folder, MESH_API: "" };
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  state = new ClusterState();
  state.put(namespace("shop", {}), meshedPod("shop", "web-1", "1.2.3"), plainPod("shop", "old-1"));
  for (const name of ["web-1", "old-1"]) {
    state.change("Pod", name, (pod) => ({ ...pod, spec: { ...(pod["spec"] as object), nodeName: "n1" } }));
  }
  server.answering = state.answer;
});

const mesh = (...words: string[]) => runMesh(words, environment);

/** Starts a control plane in the cluster, as the pod of this name. */
async function startPod(name: string): Promise<ControlPlane> {
  const cluster = await Cluster.open({ kubeconfig: server.kubeconfig });
  if (!cluster.ok) throw cluster.error;
  const started = await startControlPlane({
    source: { cluster: cluster.value },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: "1.2.3",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  onTestFinished(() => stopPod(name, started.value));
  state.listening.set(`${PODS}/${name}`, Number(started.value.apiAddress.split(":")[1]));
  state.put(controlPlanePod(name, "True"));
  return started.value;
}

async function stopPod(name: string, controlPlane: ControlPlane): Promise<void> {
  if (state.has("Pod", name)) state.remove("Pod", name);
  await controlPlane.stop();
}

function controlPlanePod(name: string, ready: string, status: object = {}): StoredObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "mesh-system",
      labels: { "app.kubernetes.io/name": "mesh-control-plane", "app.kubernetes.io/instance": "mesh" },
    },
    status: { phase: "Running", conditions: [{ type: "Ready", status: ready }], ...status },
  };
}

describe("a control plane in the cluster", () => {
  test("is found, in the namespace of the context, and no file is left", async () => {
    await startPod("control-plane-1");
    const { status, stdout, stderr } = await mesh("stat", "pod");
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^old-1 +0\/1( +-){6}\nweb-1 +1\/1( +-){6}$/m);
    expect((await mesh("stat", "no")).stdout).toMatch(/^n1 +1\/2( +-){6}$/m);
    expect(await mesh("version")).toMatchObject({
      stdout: expect.stringMatching(/^control plane {2}1\.2\.3 in the cluster of context test$/m) as string,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["ds", "DaemonSet", "agent", "agent"],
    ["job", "Job", "migrate", "migrate"],
    // By the name that a CronJob gives its Jobs.
    ["cj", "Job", "report-29534400", "report"],
  ])("tells of the pods of a %s how many have a sidecar", async (type, kind, owner, row) => {
    const owned = (pod: StoredObject): StoredObject => ({
      ...pod,
      metadata: { ...pod.metadata, ownerReferences: [{ controller: true, kind, name: owner }] },
    });
    state.put(owned(meshedPod("shop", "one", "1.2.3")), owned(meshedPod("shop", "two", "1.2.3")));
    state.put(owned(plainPod("shop", "three")));
    await startPod("control-plane-1");
    const { status, stdout, stderr } = await mesh("stat", type);
    expect(status, stderr).toBe(0);
    expect(stdout.trimEnd().split("\n").slice(1)).toEqual([
      expect.stringMatching(new RegExp(`^${row} +2/3( +-){6}$`)),
    ]);
    expect((await mesh("stat", `${type}/${row}`)).stdout).toBe(stdout);
  });

  test("is asked by the credentials of the context, as another user where that is asked for", async () => {
    await startPod("control-plane-1");
    await mesh("stat", "pod", "--as", "jane", "--as-group", "dev", "--as-group", "ops");
    const forward = server.received.findLast(({ path }) => path.endsWith("/portforward"));
    expect(forward?.headers).toMatchObject({ "impersonate-user": "jane", "impersonate-group": "dev, ops" });
  });

  test("is for those who may forward a port: who may not is told so, and the command ends", async () => {
    await startPod("control-plane-1");
    const said =
      'pods "control-plane-1" is forbidden: User "jane" cannot get resource "pods/portforward" in API group "" in the namespace "mesh-system"';
    server.answering = (request) =>
      request.path.endsWith("/portforward") ? statusAnswer(403, "Forbidden", said) : state.answer(request);
    expect(await mesh("stat", "pod", "--as", "jane")).toMatchObject({
      status: 1,
      stderr: [
        "error: user 'jane' may not get pods/portforward in namespace mesh-system",
        "try: kubectl auth can-i get pods --subresource=portforward -n mesh-system --as jane\n",
      ].join("\n"),
    });
  });

  test("is found in another pod when one that is said to be ready is not there", async () => {
    state.put(controlPlanePod("control-plane-0", "True"));
    await startPod("control-plane-1");
    expect((await mesh("stat", "pod", "-n", "shop")).stdout).toContain("old-1");
  });

  test("is found again when its pod is replaced, by what watches", async () => {
    const first = await startPod("control-plane-1");
    const watch = startMesh(["stat", "pod", "-w"], environment);
    const end = ended(watch);
    let [shown, said] = ["", ""];
    watch.stdout.on("data", (data: Buffer) => (shown += data.toString()));
    watch.stderr.on("data", (data: Buffer) => (said += data.toString()));
    await vi.waitFor(() => expect(shown).toContain("old-1"), SOON);
    await stopPod("control-plane-1", first);
    await vi.waitFor(() => expect(said).toContain("; trying again\n"), SOON);
    await startPod("control-plane-2");
    await vi.waitFor(() => expect(said).toContain("the control plane is back\n"), SOON);
    watch.kill("SIGINT");
    expect(await end).toMatchObject({ status: 0, signal: null });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what stands in the way is told", () => {
  const refused = (...words: string[]) => mesh("stat", ...words).then(({ stderr }) => stderr);

  test("a right that is missing, by verb, resource and namespace", async () => {
    await startPod("control-plane-1");
    const deny = (verb: string, resource: string) =>
      statusAnswer(
        403,
        "Forbidden",
        `${resource} is forbidden: User "jane" cannot ${verb} resource "${resource}" in API group "" in the namespace "mesh-system"`,
      );
    server.answering = (request) =>
      request.path.endsWith("/portforward") ? deny("create", "pods/portforward") : state.answer(request);
    expect(await refused()).toMatch(
      /^error: user 'jane' may not create pods\/portforward in namespace mesh-system\ntry: kubectl auth can-i create pods --subresource=portforward -n mesh-system/,
    );
    server.answering = ({ path }) => (path === PODS ? deny("list", "pods") : undefined);
    expect(await refused()).toMatch(/^error: user 'jane' may not list pods in namespace mesh-system\n/);
  });

  test("no mesh, no pod of it, and none that is ready", async () => {
    expect(await refused()).toMatch(
      /^error: the mesh is not installed in the cluster at https:\S+ \(context test\)\ntry: mesh install \| kubectl apply/,
    );
    state.put({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "mesh-control-plane", namespace: "mesh-system" },
      spec: { replicas: 0 },
    });
    expect(await refused()).toContain("has no pod in namespace mesh-system: its deployment asks for 0\n");
    const waiting = { reason: "ImagePullBackOff", message: "no such image" };
    const status = { containerStatuses: [{ name: "control-plane", state: { waiting } }] };
    state.put(controlPlanePod("control-plane-1", "False", status));
    expect(await refused()).toContain(
      "no pod of the control plane is ready (control-plane of control-plane-1: ImagePullBackOff (no such image))\ntry: mesh check",
    );
  });

  test("a pod in which nothing listens", async () => {
    const pod = await startPod("control-plane-1");
    await pod.stop();
    expect(await refused()).toMatch(
      /^error: the control plane in the cluster of context test .*ECONNREFUSED/,
    );
  });

  test("a kubeconfig that is not there, or has no such context", async () => {
    const missing = join(folder, "missing");
    expect(await refused("--kubeconfig", missing)).toMatch(`error: no kubeconfig at ${missing}\n`);
    expect(await refused("--context", "tests")).toMatch(
      "error: no context 'tests' (the kubeconfig has: test)\ntry: --context test\n",
    );
    const { stderr } = await runMesh(["stat"], { ...environment, KUBECONFIG: missing });
    expect(stderr).toContain(`error: no kubeconfig at ${missing}\n`);
  });

  test("an address and a cluster at once", async () => {
    expect(await mesh("stat", "--api", "127.0.0.1:1", "--context", "test")).toMatchObject({ status: 2 });
  });
});

test("--api and MESH_API are asked, and no cluster", async () => {
  server.received.length = 0;
  const { stderr } = await mesh("stat", "--api", "127.0.0.1:1");
  expect(stderr).toContain("no control plane answers at 127.0.0.1:1 (connection refused)");
  await runMesh(["stat"], { ...environment, MESH_API: "127.0.0.1:1" });
  expect(server.received.filter(({ path }) => path === PODS)).toEqual([]);
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { statusAnswer } from "../../test/kubernetes/api-server.js";
import { CheckedCluster, controlPlanePod, VERSION } from "../../test/kubernetes/checked-cluster.js";
import type { StoredObject } from "../../test/kubernetes/cluster-state.js";
import { installedMesh, meshedPod, namespace, plainPod } from "../../test/kubernetes/installed-mesh.js";
import { startControlPlane } from "../control-plane/index.js";
import { BEFORE_INSTALL, INSTALLED } from "./cluster/index.js";
import { HOST } from "./host/index.js";

const WEBHOOK_LABELS = { "app.kubernetes.io/name": "mesh-webhook", "app.kubernetes.io/instance": "mesh" };

let cluster: CheckedCluster;
let mesh: StoredObject[];
beforeAll(async () => {
  cluster = await CheckedCluster.start();
  mesh = installedMesh(VERSION);
});
beforeEach(() => cluster.empty());
afterAll(() => cluster.server.stop());

test("every check is explained in docs/check.md, and nothing else is", () => {
  const page = readFileSync(new URL("../../docs/check.md", import.meta.url), "utf8");
  const explained = [...page.matchAll(/^### (\S+)$/gm)].map(([, id]) => id);
  const ids = new Set([...BEFORE_INSTALL, ...INSTALLED, ...HOST].map(({ id }) => id));
  expect(explained.toSorted()).toEqual([...ids].toSorted());
});

test("a mesh that works passes every check", async () => {
  await cluster.runControlPlane();
  cluster.state.put(
    ...mesh,
    namespace("shop", { "mesh.dev/inject": "enabled" }),
    meshedPod("shop", "web-1", VERSION),
  );
  const { states, error } = await cluster.run();
  expect(states).toEqual(Object.fromEntries(INSTALLED.map(({ id }) => [id, "passed"])));
  expect(error).toBeUndefined();
});

test("as a table: a line for each, and for trouble what to try and where it is explained", async () => {
  await cluster.runControlPlane();
  cluster.state.put(
    ...mesh,
    namespace("shop", { "mesh.dev/inject": "enabled" }),
    plainPod("shop", "web-\u001b[2J1"),
  );
  const { text, error } = await cluster.run({ output: "table" });
  expect(text).toContain(`✓ the API server answers (${cluster.server.url}, context test)\n`);
  expect(text).toContain(
    "✗ every pod that should have a sidecar has one: 1 started without it, perhaps while no webhook answered: shop/web-\\x1b[2J1\n" +
      "    try: kubectl rollout restart deploy -n shop\n" +
      "    see: docs/check.md#pods-without-sidecar\n",
  );
  expect(text).toMatch(/\n\n21 passed, 1 failed\n$/);
  expect(error).toBe("a check failed");
});

describe("before an install", () => {
  test("a cluster that can take the mesh passes", async () => {
    const { states, error } = await cluster.run({ beforeInstall: true });
    expect(new Set(Object.values(states))).toEqual(new Set(["passed"]));
    expect(error).toBeUndefined();
  });

  test("an old Kubernetes, a clock that is off, missing rights and an earlier installation are told", async () => {
    cluster.state.version = { ...cluster.state.version, gitVersion: "v1.28.15-gke.1" };
    cluster.state.aheadMs = -30_000;
    cluster.state.allows = (verb, resource) => verb !== "patch" || resource !== "clusterroles";
    cluster.state.put(...mesh.filter(({ kind }) => kind === "Namespace"));
    const { states, details } = await cluster.run({ beforeInstall: true });
    expect(states).toMatchObject({
      "kubernetes-version": "warning",
      clocks: "warning",
      permissions: "failed",
      "not-installed": "warning",
    });
    expect(details["kubernetes-version"]).toContain("v1.28.15-gke.1");
    expect(details["clocks"]).toMatch(/^the API server's clock is (29|30|31)(\.\d)?s behind this machine's$/);
    expect(details["permissions"]).toBe("not allowed: patch clusterroles.rbac.authorization.k8s.io");
    expect(details["not-installed"]).toBe("there is Namespace/mesh-system");
  });

  test("a clock that is far off fails", async () => {
    cluster.state.aheadMs = 3_600_000;
    expect((await cluster.run({ beforeInstall: true })).states["clocks"]).toBe("failed");
  });
});

describe("an installation", () => {
  test("a mesh that is not there, or half there: says what is missing, and ends", async () => {
    const nothing = await cluster.run();
    expect(nothing.details["installation"]).toBe("the mesh is not installed");
    expect(nothing.error).toContain("nothing more can be told");
    cluster.state.put(...mesh);
    cluster.state.remove("RoleBinding", "mesh-webhook");
    cluster.state.remove("CustomResourceDefinition", "workloads.mesh.dev");
    const half = await cluster.run();
    expect(half.details["installation"]).toBe(
      "missing: CustomResourceDefinition/workloads.mesh.dev, RoleBinding/mesh-webhook",
    );
    expect(half.states["control-plane-ready"]).toBeUndefined();
  });

  test("a control plane that is not ready: which part, and why", async () => {
    cluster.state.put(...mesh);
    cluster.state.change("Deployment", "mesh-webhook", (object) => ({
      ...object,
      status: { updatedReplicas: 1 },
    }));
    const waiting = { reason: "ImagePullBackOff", message: 'Back-off pulling image "x"' };
    cluster.state.put({
      ...plainPod("mesh-system", "mesh-webhook-1", WEBHOOK_LABELS),
      status: {
        phase: "Pending",
        containerStatuses: [{ name: "webhook", ready: false, state: { waiting } }],
      },
    });
    const { details } = await cluster.run();
    expect(details["control-plane-ready"]).toBe(
      '0 of 1 pods of mesh-webhook are ready; webhook of mesh-webhook-1: ImagePullBackOff (Back-off pulling image "x")',
    );
  });

  test("another version, and kinds that are not established", async () => {
    cluster.state.put(...installedMesh("1.2.4"));
    cluster.state.change("CustomResourceDefinition", "workloads.mesh.dev", (object) => ({
      ...object,
      status: {},
    }));
    const { states, details } = await cluster.run();
    expect(states["installed-version"]).toBe("warning");
    expect(details["installed-version"]).toBe("the command is 1.2.3, the control plane is 1.2.4");
    expect(details["crds"]).toBe("workloads.mesh.dev is not established yet");
  });

  test("what mends itself is waited for", async () => {
    await cluster.runControlPlane();
    cluster.state.put(...mesh);
    const status = mesh.find(({ kind }) => kind === "Deployment")?.["status"];
    cluster.state.change("Deployment", "mesh-control-plane", (object) => ({ ...object, status: {} }));
    setTimeout(
      () => cluster.state.change("Deployment", "mesh-control-plane", (object) => ({ ...object, status })),
      500,
    );
    const { states, error } = await cluster.run({ waitSeconds: 30 });
    expect(states["control-plane-ready"]).toBe("passed");
    expect(error).toBeUndefined();
  });

  test("what does not mend itself is not waited for", async () => {
    await cluster.runControlPlane();
    cluster.state.put(...mesh, plainPod("shop", "web-1", { "mesh.dev/inject": "enabled" }));
    const began = performance.now();
    const { states } = await cluster.run({ waitSeconds: 600 });
    expect(states["pods-without-sidecar"]).toBe("failed");
    expect(performance.now() - began).toBeLessThan(60_000);
  });
});

describe("the control plane", () => {
  test("cannot be reached: nothing listens, the right is missing, there is no pod", async () => {
    const controlPlane = await cluster.runControlPlane();
    cluster.state.put(...mesh);
    await controlPlane.stop();
    const gone = await cluster.run();
    expect(gone.states).toMatchObject({ "control-plane-api": "failed", "control-plane-clock": "warning" });
    expect(gone.details["control-plane-api"]).toContain("ECONNREFUSED");
    cluster.server.answering = (request) =>
      request.path.endsWith("/portforward")
        ? statusAnswer(
            403,
            "Forbidden",
            'pods "x" is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace "mesh-system"',
          )
        : cluster.state.answer(request);
    const forbidden = await cluster.run();
    expect(forbidden.states["control-plane-api"]).toBe("warning");
    expect(forbidden.details["control-plane-api"]).toBe(
      "not checked, as user 'jane' may not create pods/portforward in namespace mesh-system",
    );
    cluster.server.answering = cluster.state.answer;
    cluster.state.remove("Pod", "mesh-control-plane-1");
    expect((await cluster.run()).details["control-plane-api"]).toContain(
      "has no pod in namespace mesh-system",
    );
  });

  test("does not understand all of its configuration: what, and where", async () => {
    await cluster.runControlPlane({
      "permissions.yaml": "apiVersion: mesh.dev/v1alpha1\nkind: TrafficPermision\n",
    });
    cluster.state.put(...mesh);
    const { states, details } = await cluster.run();
    expect(states["configuration"]).toBe("warning");
    expect(details["configuration"]).toMatch(/permissions\.yaml:2: .*TrafficPermission/);
  });

  test("has taken resources that nothing acts on: which, all in one warning", async () => {
    const resource = (kind: string, name: string, spec: string) =>
      `apiVersion: mesh.dev/v1alpha1\nkind: ${kind}\nmetadata: { namespace: shop, name: ${name} }\nspec: ${spec}\n`;
    const targetRefs = '{ targetRefs: [{ group: "", kind: Service, name: web }] }';
    await cluster.runControlPlane({
      "policies.yaml": [
        resource("ServicePolicy", "web", targetRefs),
        resource("ServicePolicy", "api", targetRefs),
        resource("ExternalService", "bank", "{ hosts: [bank.test], ports: [{ port: 443 }] }"),
      ].join("---\n"),
    });
    cluster.state.put(...mesh);
    const { states, details, error } = await cluster.run();
    expect(error).toBeUndefined();
    expect(states).toMatchObject({ "without-effect": "warning", configuration: "warning" });
    expect(details["without-effect"]).toBe(
      "2 ServicePolicies and 1 ExternalService have no effect in this version: ServicePolicy shop/api, ServicePolicy shop/web, ExternalService shop/bank",
    );
    expect(details["configuration"]).toContain("no Service web is known in namespace shop");
    const { text } = await cluster.run({ output: "table" });
    expect(text).toContain("try: kubectl get servicepolicies,externalservices -A; ");
  });

  test("replicas of two versions", async () => {
    cluster.state.put(
      ...mesh,
      controlPlanePod("mesh-control-plane-1"),
      controlPlanePod("mesh-control-plane-2", "1.2.2"),
    );
    const { states, details } = await cluster.run();
    expect(states["replica-versions"]).toBe("warning");
    expect(details["replica-versions"]).toBe(
      "1.2.3 are mesh-control-plane-1; 1.2.2 are mesh-control-plane-2",
    );
  });
});

describe("the data plane", () => {
  test("sidecars of another version, and some that are not ready", async () => {
    const broken = { ...meshedPod("shop", "web-2", VERSION), status: { phase: "Running" } };
    cluster.state.put(...mesh, meshedPod("shop", "web-1", "1.2.2"), broken);
    const { states, details } = await cluster.run();
    expect(states["proxy-versions"]).toBe("warning");
    expect(details["proxy-versions"]).toBe("the control plane is 1.2.3, 1 sidecars are 1.2.2: shop/web-1");
    expect(details["proxies-ready"]).toBe("1 of 2 are not: shop/web-2");
  });

  test("sidecars that let everybody watch: not those that nobody reaches", async () => {
    const tapped = (name: string, ...env: { name: string; value: string }[]) => ({
      ...meshedPod("shop", name, VERSION),
      spec: { containers: [], initContainers: [{ name: "mesh-proxy", env }] },
    });
    cluster.state.put(
      ...mesh,
      meshedPod("shop", "closed", VERSION),
      tapped("open", { name: "MESH_PROXY_TAP", value: "0.0.0.0:4190" }),
      tapped("loopback", { name: "MESH_PROXY_TAP", value: "127.0.0.1:4190" }),
      tapped("off", { name: "MESH_PROXY_TAP", value: "off" }),
      tapped("unset"),
    );
    const { states, details, text } = await cluster.run();
    expect(states["open-taps"]).toBe("warning");
    expect(details["open-taps"]).toMatch(/^1 are from before .*: shop\/open$/);
    expect(text).toContain("kubectl rollout restart deploy -n shop");
  });

  test("pods that want no sidecar, cannot have one, or have ended, are not missed", async () => {
    cluster.state.put(
      ...mesh,
      namespace("shop", { "mesh.dev/inject": "enabled" }),
      namespace("kube-system", { "mesh.dev/inject": "enabled" }),
      plainPod("kube-system", "dns"),
      plainPod("other", "web"),
      plainPod("shop", "opted-out", { "mesh.dev/inject": "disabled" }),
      { ...plainPod("shop", "host"), spec: { hostNetwork: true, containers: [] } },
      { ...plainPod("shop", "job"), status: { phase: "Succeeded" } },
    );
    expect((await cluster.run()).states["pods-without-sidecar"]).toBe("passed");
  });

  test("a pod that the webhook gives no sidecar is told with the reason, and no restart is asked for", async () => {
    const withContainer = (name: string, container: object) => ({
      ...plainPod("shop", name),
      spec: { containers: [container] },
    });
    cluster.state.put(
      ...mesh,
      namespace("shop", { "mesh.dev/inject": "enabled" }),
      withContainer("named", { name: "mesh-proxy" }),
      withContainer("taken", { name: "app", ports: [{ containerPort: 4140 }] }),
    );
    const { states, details } = await cluster.run();
    expect(states).toMatchObject({ "pods-without-sidecar": "warning", "proxy-versions": "passed" });
    expect(details["pods-without-sidecar"]).toBe(
      "2 can have none, and are outside of the mesh: " +
        "shop/named (a container has the name mesh-proxy and is not of mesh), " +
        "shop/taken (container app has port 4140, which is the sidecar's outbound-port)",
    );
  });
});

test("a control plane on a plain host: its version, configuration and proxies", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-check-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const started = await startControlPlane({
    source: { directory },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: "1.2.4",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  onTestFinished(() => started.value.stop());
  const { states, details } = await cluster.run({ api: started.value.apiAddress });
  expect(states).toEqual({
    "control-plane": "passed",
    "control-plane-version": "warning",
    "control-plane-clock": "passed",
    configuration: "passed",
    "without-effect": "passed",
    "certificate-authority": "passed",
    "proxy-tokens": "passed",
    "proxy-certificates": "passed",
    "proxies-connected": "warning",
    "connected-versions": "passed",
  });
  expect(details["control-plane-version"]).toBe("the command is 1.2.3, the control plane is 1.2.4");
  await started.value.stop();
  const gone = await cluster.run({ api: started.value.apiAddress });
  expect(gone.states).toEqual({ "control-plane": "failed" });
});

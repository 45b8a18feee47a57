import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type ApiServer, startApiServer, statusAnswer } from "../../test/kubernetes/api-server.js";
import { certificateAuthority, serverCertificate } from "../../test/kubernetes/certificates.js";
import { ClusterState, type StoredObject } from "../../test/kubernetes/cluster-state.js";
import {
  installedMesh,
  keySecret,
  meshedPod,
  namespace,
  plainPod,
  rootsIn,
} from "../../test/kubernetes/installed-mesh.js";
import { type ControlPlane, startControlPlane } from "../control-plane/index.js";
import { Printer } from "../output/index.js";
import { BEFORE_INSTALL, INSTALLED } from "./cluster/index.js";
import { HOST } from "./host/index.js";
import { check, type CheckQuestion } from "./index.js";

const VERSION = "1.2.3";
const WEBHOOK_LABELS = { "app.kubernetes.io/name": "mesh-webhook", "app.kubernetes.io/instance": "mesh" };

let server: ApiServer;
let state: ClusterState;
let mesh: StoredObject[];
beforeAll(async () => {
  server = await startApiServer(() => undefined);
  mesh = installedMesh(VERSION);
});
beforeEach(() => {
  state = new ClusterState();
  server.answering = state.answer;
});
afterAll(() => server.stop());

test("every check is explained in docs/check.md, and nothing else is", () => {
  const page = readFileSync(new URL("../../docs/check.md", import.meta.url), "utf8");
  const explained = [...page.matchAll(/^### (\S+)$/gm)].map(([, id]) => id);
  const ids = new Set([...BEFORE_INSTALL, ...INSTALLED, ...HOST].map(({ id }) => id));
  expect(explained.toSorted()).toEqual([...ids].toSorted());
});

test("a mesh that works passes every check", async () => {
  await runControlPlane();
  state.put(
    ...mesh,
    namespace("shop", { "mesh.dev/inject": "enabled" }),
    meshedPod("shop", "web-1", VERSION),
  );
  const { states, error } = await run();
  expect(states).toEqual(Object.fromEntries(INSTALLED.map(({ id }) => [id, "passed"])));
  expect(error).toBeUndefined();
});

test("as a table: a line for each, and for trouble what to try and where it is explained", async () => {
  await runControlPlane();
  state.put(...mesh, namespace("shop", { "mesh.dev/inject": "enabled" }), plainPod("shop", "web-\u001b[2J1"));
  const { text, error } = await run({ output: "table" });
  expect(text).toContain(`✓ the API server answers (${server.url}, context test)\n`);
  expect(text).toContain(
    "✗ every pod that should have a sidecar has one: 1 started without it, perhaps while no webhook answered: shop/web-\\x1b[2J1\n" +
      "    try: kubectl rollout restart deploy -n shop\n" +
      "    see: docs/check.md#pods-without-sidecar\n",
  );
  expect(text).toMatch(/\n\n18 passed, 1 failed\n$/);
  expect(error).toBe("a check failed");
});

describe("before an install", () => {
  test("a cluster that can take the mesh passes", async () => {
    const { states, error } = await run({ beforeInstall: true });
    expect(new Set(Object.values(states))).toEqual(new Set(["passed"]));
    expect(error).toBeUndefined();
  });

  test("an old Kubernetes, a clock that is off, missing rights and an earlier installation are told", async () => {
    state.version = { ...state.version, gitVersion: "v1.28.15-gke.1" };
    state.aheadMs = -30_000;
    state.allows = (verb, resource) => verb !== "patch" || resource !== "clusterroles";
    state.put(...mesh.filter(({ kind }) => kind === "Namespace"));
    const { states, details } = await run({ beforeInstall: true });
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
    state.aheadMs = 3_600_000;
    expect((await run({ beforeInstall: true })).states["clocks"]).toBe("failed");
  });
});

describe("an installation", () => {
  test("a mesh that is not there, or half there: says what is missing, and ends", async () => {
    const nothing = await run();
    expect(nothing.details["installation"]).toBe("the mesh is not installed");
    expect(nothing.error).toContain("nothing more can be told");
    state.put(...mesh);
    state.remove("RoleBinding", "mesh-webhook");
    state.remove("CustomResourceDefinition", "workloads.mesh.dev");
    const half = await run();
    expect(half.details["installation"]).toBe(
      "missing: CustomResourceDefinition/workloads.mesh.dev, RoleBinding/mesh-webhook",
    );
    expect(half.states["control-plane-ready"]).toBeUndefined();
  });

  test("a control plane that is not ready: which part, and why", async () => {
    state.put(...mesh);
    state.change("Deployment", "mesh-webhook", (object) => ({ ...object, status: { updatedReplicas: 1 } }));
    const waiting = { reason: "ImagePullBackOff", message: 'Back-off pulling image "x"' };
    state.put({
      ...plainPod("mesh-system", "mesh-webhook-1", WEBHOOK_LABELS),
      status: {
        phase: "Pending",
        containerStatuses: [{ name: "webhook", ready: false, state: { waiting } }],
      },
    });
    const { details } = await run();
    expect(details["control-plane-ready"]).toBe(
      '0 of 1 pods of mesh-webhook are ready; webhook of mesh-webhook-1: ImagePullBackOff (Back-off pulling image "x")',
    );
  });

  test("another version, and kinds that are not established", async () => {
    state.put(...installedMesh("1.2.4"));
    state.change("CustomResourceDefinition", "workloads.mesh.dev", (object) => ({ ...object, status: {} }));
    const { states, details } = await run();
    expect(states["installed-version"]).toBe("warning");
    expect(details["installed-version"]).toBe("the command is 1.2.3, the control plane is 1.2.4");
    expect(details["crds"]).toBe("workloads.mesh.dev is not established yet");
  });

  test("what mends itself is waited for", async () => {
    await runControlPlane();
    state.put(...mesh);
    const status = mesh.find(({ kind }) => kind === "Deployment")?.["status"];
    state.change("Deployment", "mesh-control-plane", (object) => ({ ...object, status: {} }));
    setTimeout(
      () => state.change("Deployment", "mesh-control-plane", (object) => ({ ...object, status })),
      500,
    );
    const { states, error } = await run({ waitSeconds: 30 });
    expect(states["control-plane-ready"]).toBe("passed");
    expect(error).toBeUndefined();
  });

  test("what does not mend itself is not waited for", async () => {
    await runControlPlane();
    state.put(...mesh, plainPod("shop", "web-1", { "mesh.dev/inject": "enabled" }));
    const began = performance.now();
    const { states } = await run({ waitSeconds: 600 });
    expect(states["pods-without-sidecar"]).toBe("failed");
    expect(performance.now() - began).toBeLessThan(60_000);
  });
});

describe("the control plane", () => {
  test("cannot be reached: nothing listens, the right is missing, there is no pod", async () => {
    const controlPlane = await runControlPlane();
    state.put(...mesh);
    await controlPlane.stop();
    const gone = await run();
    expect(gone.states).toMatchObject({ "control-plane-api": "failed", "control-plane-clock": "warning" });
    expect(gone.details["control-plane-api"]).toContain("ECONNREFUSED");
    server.answering = (request) =>
      request.path.endsWith("/portforward")
        ? statusAnswer(
            403,
            "Forbidden",
            'pods "x" is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace "mesh-system"',
          )
        : state.answer(request);
    const forbidden = await run();
    expect(forbidden.states["control-plane-api"]).toBe("warning");
    expect(forbidden.details["control-plane-api"]).toBe(
      "not checked, as user 'jane' may not create pods/portforward in namespace mesh-system",
    );
    server.answering = state.answer;
    state.remove("Pod", "mesh-control-plane-1");
    expect((await run()).details["control-plane-api"]).toContain("has no pod in namespace mesh-system");
  });

  test("does not understand all of its configuration: what, and where", async () => {
    await runControlPlane({ "permissions.yaml": "apiVersion: mesh.dev/v1alpha1\nkind: TrafficPermision\n" });
    state.put(...mesh);
    const { states, details } = await run();
    expect(states["configuration"]).toBe("warning");
    expect(details["configuration"]).toMatch(/permissions\.yaml:2: .*TrafficPermission/);
  });

  test("replicas of two versions", async () => {
    state.put(
      ...mesh,
      controlPlanePod("mesh-control-plane-1"),
      controlPlanePod("mesh-control-plane-2", "1.2.2"),
    );
    const { states, details } = await run();
    expect(states["replica-versions"]).toBe("warning");
    expect(details["replica-versions"]).toBe(
      "1.2.3 are mesh-control-plane-1; 1.2.2 are mesh-control-plane-2",
    );
  });
});

describe("certificates", () => {
  test("the trust root: missing, soon over, over, of another key, in a Secret of the user's", async () => {
    state.put(...mesh);
    const soon = certificateAuthority("soon", 30);
    state.put(keySecret("mesh-identity-issuer", soon, soon));
    expect((await run()).details["trust-root"]).toMatch(
      /^secrets\/mesh-identity-issuer is valid for (29|30) more days$/,
    );
    const good = certificateAuthority("good");
    state.put(keySecret("mesh-identity-issuer", { ...good, key: soon.key }, good));
    expect((await run()).details["trust-root"]).toContain("tls.key is not the key of tls.crt");
    state.put(keySecret("mesh-identity-issuer", good, soon));
    expect((await run()).details["trust-root"]).toContain("tls.crt is not signed by ca.crt");
    state.change("Secret", "mesh-identity-issuer", (object) => ({
      ...object,
      data: { "tls.crt": "?", "tls.key": "" },
    }));
    expect((await run()).details["trust-root"]).toContain("has no ca.crt");
    state.change("Deployment", "mesh-control-plane", (object) => ({
      ...object,
      spec: { template: { spec: { containers: [{ args: ["--issuer-secret=mine"] }] } } },
    }));
    expect((await run()).details["trust-root"]).toBe("there is no secrets/mine");
    state.put(keySecret("mine", good, good));
    expect((await run()).states["trust-root"]).toBe("passed");
  });

  test("the webhook's: not made yet, for another name, of an authority that the API server does not have", async () => {
    state.put(...mesh);
    state.remove("Secret", "mesh-webhook-certificate");
    expect((await run()).details["webhook-certificate"]).toContain(
      "has not made secrets/mesh-webhook-certificate yet",
    );
    const authority = certificateAuthority("another");
    const names = ["DNS:mesh-webhook.mesh-system.svc"];
    state.put(keySecret("mesh-webhook-certificate", serverCertificate(authority, names), authority));
    expect((await run()).details["webhook-certificate"]).toContain("is of another authority");
    state.put(
      keySecret("mesh-webhook-certificate", serverCertificate(authority, ["DNS:other.svc"]), authority),
    );
    expect((await run()).details["webhook-certificate"]).toBe(
      "the certificate is not for mesh-webhook.mesh-system.svc",
    );
  });

  test("webhooks without an authority", async () => {
    state.put(...mesh);
    state.change("ValidatingWebhookConfiguration", "mesh-webhook", (object) => ({
      ...object,
      webhooks: [{ name: "validate.mesh.dev", clientConfig: {} }],
    }));
    expect((await run()).details["webhook-configurations"]).toBe(
      "the caBundle of validate.mesh.dev of validatingwebhookconfigurations/mesh-webhook holds no certificate",
    );
  });
});

describe("the roots", () => {
  test("are missing, or are others, where sidecars need them", async () => {
    state.put(...mesh, meshedPod("shop", "web-1", VERSION), meshedPod("books", "api-1", VERSION));
    expect((await run()).details["trust-roots"]).toBe("there is no configmaps/mesh-trust-roots in books");
    state.put(rootsIn("books", certificateAuthority("another")));
    expect((await run()).details["trust-roots"]).toBe("configmaps/mesh-trust-roots has other roots in books");
    state.remove("Pod", "api-1");
    expect((await run()).states["trust-roots"]).toBe("passed");
  });

  test("were not given to older sidecars, which speak plain text", async () => {
    const older = meshedPod("shop", "web-2", VERSION);
    state.put(...mesh, meshedPod("shop", "web-1", VERSION), {
      ...older,
      spec: { containers: [{ name: "app" }], initContainers: [{ name: "mesh-proxy" }] },
    });
    const { states, details } = await run();
    expect(states["plain-text"]).toBe("warning");
    expect(details["plain-text"]).toContain("1 are from before");
    expect(details["plain-text"]).toContain("shop/web-2");
  });
});

describe("the data plane", () => {
  test("sidecars of another version, and some that are not ready", async () => {
    const broken = { ...meshedPod("shop", "web-2", VERSION), status: { phase: "Running" } };
    state.put(...mesh, meshedPod("shop", "web-1", "1.2.2"), broken);
    const { states, details } = await run();
    expect(states["proxy-versions"]).toBe("warning");
    expect(details["proxy-versions"]).toBe("the control plane is 1.2.3, 1 sidecars are 1.2.2: shop/web-1");
    expect(details["proxies-ready"]).toBe("1 of 2 are not: shop/web-2");
  });

  test("pods that want no sidecar, cannot have one, or have ended, are not missed", async () => {
    state.put(
      ...mesh,
      namespace("shop", { "mesh.dev/inject": "enabled" }),
      namespace("kube-system", { "mesh.dev/inject": "enabled" }),
      plainPod("kube-system", "dns"),
      plainPod("other", "web"),
      plainPod("shop", "opted-out", { "mesh.dev/inject": "disabled" }),
      { ...plainPod("shop", "host"), spec: { hostNetwork: true, containers: [] } },
      { ...plainPod("shop", "job"), status: { phase: "Succeeded" } },
    );
    expect((await run()).states["pods-without-sidecar"]).toBe("passed");
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
  const { states, details } = await run({ api: started.value.apiAddress });
  expect(states).toEqual({
    "control-plane": "passed",
    "control-plane-version": "warning",
    "control-plane-clock": "passed",
    configuration: "passed",
    "certificate-authority": "passed",
    "proxy-tokens": "passed",
    "proxies-connected": "warning",
    "connected-versions": "passed",
  });
  expect(details["control-plane-version"]).toBe("the command is 1.2.3, the control plane is 1.2.4");
  await started.value.stop();
  const gone = await run({ api: started.value.apiAddress });
  expect(gone.states).toEqual({ "control-plane": "failed" });
});

/** A pod of the control plane that is ready. */
function controlPlanePod(name: string, version = VERSION): StoredObject {
  const labels = {
    "app.kubernetes.io/name": "mesh-control-plane",
    "app.kubernetes.io/instance": "mesh",
    "app.kubernetes.io/version": version,
  };
  return {
    ...plainPod("mesh-system", name, labels),
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
}

/** Starts a control plane to which port-forwards to a pod lead, with files in its directory. */
async function runControlPlane(files: Readonly<Record<string, string>> = {}): Promise<ControlPlane> {
  const directory = mkdtempSync(join(tmpdir(), "mesh-check-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const started = await startControlPlane({
    source: { directory },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: VERSION,
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  onTestFinished(async () => {
    await started.value.stop();
    rmSync(directory, { recursive: true });
  });
  const name = "mesh-control-plane-1";
  state.listening.set(
    `/api/v1/namespaces/mesh-system/pods/${name}`,
    Number(started.value.apiAddress.split(":")[1]),
  );
  state.put(controlPlanePod(name));
  return started.value;
}

interface Outcome {
  readonly text: string;
  /** By check. */
  readonly states: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, string>>;
  readonly error: string | undefined;
}

async function run(question: Partial<CheckQuestion> = {}): Promise<Outcome> {
  let text = "";
  const stream = { write: (chunk: string) => ((text += chunk), true), on: () => undefined };
  const error = await check(
    {
      cluster: { kubeconfig: server.kubeconfig },
      api: undefined,
      beforeInstall: false,
      version: VERSION,
      output: "json",
      waitSeconds: 0,
      ...question,
    },
    new Printer(stream, stream, {}),
  ).then(
    () => undefined,
    (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
  );
  if (question.output === "table") return { text, states: {}, details: {}, error };
  const { checks } = JSON.parse(text) as { checks: { id: string; state: string; detail?: string }[] };
  return {
    text,
    states: Object.fromEntries(checks.map(({ id, state: is }) => [id, is])),
    details: Object.fromEntries(checks.map(({ id, detail = "" }) => [id, detail])),
    error,
  };
}

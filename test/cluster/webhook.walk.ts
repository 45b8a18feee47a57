// New pods get their sidecar from the API server, by a label of their namespace or their own.
import { afterAll, beforeAll, expect, test } from "vitest";
import { applicationImage, applyPrinted, kubectl, mesh, rolledOut, uninstall } from "./administrator.js";

const NAMESPACE = "webhook-walk";

beforeAll(async () => {
  await applyPrinted("install", "--no-prometheus", "--no-grafana");
  await rolledOut("mesh-system", "mesh-control-plane");
  await rolledOut("mesh-system", "mesh-webhook");
  await kubectl.run(["create", "namespace", NAMESPACE]);
});
afterAll(() => uninstall(NAMESPACE));

/** A program that does nothing for long. */
const IDLE = ["/node", "-e", "setInterval(() => {}, 1e6)"];

/** A Deployment of one pod, with labels of that pod. */
const deployment = async (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: NAMESPACE },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, ...labels } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          { name: "app", image: await applicationImage(), imagePullPolicy: "Never", command: IDLE },
        ],
      },
    },
  },
});

async function deploy(name: string, labels?: Record<string, string>): Promise<void> {
  await kubectl.run(["apply", "-f", "-"], JSON.stringify(await deployment(name, labels)));
  await rolledOut(NAMESPACE, name);
}

const sidecarsOf = (name: string) =>
  kubectl.run([
    ...["get", "pods", "-n", NAMESPACE, "-l", `app=${name}`],
    ...["-o", "jsonpath={.items[*].spec.initContainers[*].name}"],
  ]);

test("everything that mesh check asks about the webhook is in order", async () => {
  const { stdout } = await mesh("check", "--wait", "60s");
  for (const line of [
    "the trust root is valid",
    "the API server has the authority",
    "the webhook's certificate is valid",
  ]) {
    expect(stdout).toContain(`✓ ${line}`);
  }
});

test("a pod gets its sidecar by the label of its namespace, and its own label wins both ways", async () => {
  await deploy("plain");
  await deploy("asking", { "mesh.dev/inject": "enabled" });
  await kubectl.run(["label", "namespace", NAMESPACE, "mesh.dev/inject=enabled"]);
  await deploy("labelled");
  await deploy("refusing", { "mesh.dev/inject": "disabled" });
  expect(await sidecarsOf("plain")).toBe("");
  expect(await sidecarsOf("asking")).toBe("mesh-proxy mesh-init");
  expect(await sidecarsOf("labelled")).toBe("mesh-proxy mesh-init");
  expect(await sidecarsOf("refusing")).toBe("");
});

test("a dry run shows the sidecar too", async () => {
  const pod = { ...(await deployment("dry")).spec.template, apiVersion: "v1", kind: "Pod" };
  const named = { ...pod, metadata: { ...pod.metadata, name: "dry", namespace: NAMESPACE } };
  const shown = await kubectl.run(
    ["create", "--dry-run=server", "-o", "json", "-f", "-"],
    JSON.stringify(named),
  );
  expect(shown).toContain('"name": "mesh-proxy"');
});

test("policies and services outside are taken, and mesh check says that they have no effect, and which names nothing", async () => {
  const resource = (kind: string, name: string, spec: object) =>
    JSON.stringify({
      apiVersion: "mesh.dev/v1alpha1",
      kind,
      metadata: { name, namespace: NAMESPACE },
      spec,
    });
  const targetRefs = [{ group: "", kind: "Service", name: "nowhere" }];
  const timeouts = { request: "5s" };
  const hosts = { hosts: ["bank.test"], ports: [{ port: 443 }] };
  await kubectl.run(["apply", "-f", "-"], resource("ServicePolicy", "hasty", { targetRefs, timeouts }));
  await kubectl.run(["apply", "-f", "-"], resource("ExternalService", "bank", hosts));
  const said = async () => (await mesh("check")).stdout;
  await expect
    .poll(said, { timeout: 60_000 })
    .toContain(
      `1 ServicePolicy and 1 ExternalService have no effect in this version: ServicePolicy ${NAMESPACE}/hasty, ExternalService ${NAMESPACE}/bank`,
    );
  expect(await said()).toContain(
    `servicepolicy ${NAMESPACE}/hasty: no Service nowhere is known in namespace ${NAMESPACE}`,
  );
});

test("a resource of the mesh that means nothing is refused by its field", async () => {
  const permission = {
    apiVersion: "mesh.dev/v1alpha1",
    kind: "TrafficPermission",
    metadata: { name: "wrong", namespace: NAMESPACE },
    spec: { action: "ALLOW", from: [{ cidrs: ["10.0.0.0/40"] }] },
  };
  await expect(kubectl.run(["apply", "-f", "-"], JSON.stringify(permission))).rejects.toThrow(
    'spec.from[0].cidrs[0]: "10.0.0.0/40" has a prefix longer than 32 bits',
  );
});

// A pod cannot speak for another: the control plane believes the API server about who a proxy is.
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  applicationImage,
  applyPrinted,
  edited,
  kubectl,
  rolledOut,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const NAMESPACE = "identity";
const SOON = { timeout: 60_000, interval: 1000 };

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  await kubectl.run(["create", "namespace", NAMESPACE]);
});
afterAll(() => uninstall(NAMESPACE));

/** The manifest of a pod with a sidecar. */
async function meshedPod(name: string): Promise<string> {
  const image = await applicationImage();
  const { stdout } = await edited(
    "inject",
    `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${NAMESPACE}
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: application
      image: ${image}
      command: [/node, -e, "setInterval(() => undefined, 1e6)"]
`,
  );
  return stdout;
}

const logOf = (namespace: string, of: string, container: string) => () =>
  kubectl.run(["logs", "-n", namespace, of, "-c", container]);

test("a pod that calls itself another is refused, and both sides say why", async () => {
  await kubectl.run(["apply", "-f", "-"], await meshedPod("honest"));
  await kubectl.run(["wait", "-n", NAMESPACE, "pod/honest", "--for=condition=Ready", "--timeout=60s"]);
  const controlPlane = logOf("mesh-system", "deployment/mesh-control-plane", "control-plane");
  await expect
    .poll(controlPlane, SOON)
    .toContain('"message":"proxy connected","proxy":"identity/honest","workload":"pod/honest"');

  const manifest = await meshedPod("impostor");
  const name = /(- name: MESH_PROXY_NAME\n +)valueFrom:\n +fieldRef:\n +fieldPath: metadata\.name\n/;
  expect(manifest).toMatch(name);
  await kubectl.run(["apply", "-f", "-"], manifest.replace(name, "$1value: honest\n"));
  const impostor = logOf(NAMESPACE, "impostor", "mesh-proxy");
  const reason = "the token is of pod identity/impostor, not of identity/honest";
  await expect.poll(() => impostor().catch(() => ""), SOON).toContain(reason);
  await expect
    .poll(controlPlane, SOON)
    .toContain('"message":"proxy refused","proxy":"identity/honest","reason":"other-pod"');
});

// From an empty cluster to an installed mesh and back, as docs/install.md tells it.
import { execFileSync } from "node:child_process";
import { expect, inject, test } from "vitest";
import { runMesh } from "../mesh-command.js";

const kubeconfig = inject("kubeconfig");
const [kubectlProgram = "", ...kubectlWords] = inject("kubectl");

const mesh = (...words: string[]) => runMesh(words, { KUBECONFIG: kubeconfig });
const kubectl = (words: readonly string[], input = "") =>
  execFileSync(kubectlProgram, [...kubectlWords, "--kubeconfig", kubeconfig, ...words], {
    encoding: "utf8",
    input,
  });

/** The state of each check, by its name. */
async function check(...words: string[]): Promise<Record<string, string>> {
  const { stdout } = await mesh("check", "-o", "json", ...words);
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string }[] };
  return Object.fromEntries(checks.map(({ id, state }) => [id, state]));
}

test("an empty cluster is ready for the mesh", async () => {
  const { status, stdout, stderr } = await mesh("check", "--pre");
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain("5 passed, 0 failed");
  expect(await check()).toMatchObject({ installation: "failed" });
});

test("what install prints is taken whole, and changes nothing the second time", async () => {
  const { stdout: manifests } = await mesh("install");
  expect(kubectl(["apply", "--server-side", "-f", "-"], manifests)).toContain(
    "namespace/mesh-system serverside-applied",
  );
  const versions = () =>
    kubectl([
      "get",
      "deploy,cm,svc,sa,role",
      "-n",
      "mesh-system",
      "-l",
      "app.kubernetes.io/part-of=mesh",
      "-o",
      "jsonpath={.items[*].metadata.generation} {.items[*].metadata.name}",
    ]);
  const before = versions();
  kubectl(["apply", "--server-side", "-f", "-"], manifests);
  expect(versions()).toBe(before);
  await expect
    .poll(() => check(), { timeout: 60_000 })
    .toMatchObject({
      installation: "passed",
      "installed-version": "passed",
      crds: "passed",
    });
});

test("an installation that lost an object is told by its name", async () => {
  kubectl(["delete", "-n", "mesh-system", "rolebinding/mesh-webhook"]);
  const { status, stdout } = await mesh("check");
  expect(status).toBe(1);
  expect(stdout).toContain("missing: RoleBinding/mesh-webhook");
  const { stdout: manifests } = await mesh("upgrade");
  kubectl(["apply", "--server-side", "-f", "-"], manifests);
  expect(await check()).toMatchObject({ installation: "passed" });
});

test("a user without rights is told which are missing", async () => {
  expect(await check("--pre", "--as", "nobody")).toMatchObject({
    permissions: "failed",
    "not-installed": "warning",
  });
});

test("uninstall leaves nothing behind", async () => {
  const { stdout: objects } = await mesh("uninstall");
  kubectl(["delete", "-f", "-"], objects);
  const { status, stdout } = await mesh("check", "--pre");
  expect(status, stdout).toBe(0);
});

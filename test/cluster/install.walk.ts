// From an empty cluster to an installed mesh and back, as docs/install.md tells it.
import { expect, test } from "vitest";
import { applyPrinted, kubectl, mesh } from "./administrator.js";

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
  expect(await kubectl.run(["apply", "--server-side", "-f", "-"], manifests)).toContain(
    "namespace/mesh-system serverside-applied",
  );
  const versions = () =>
    kubectl.run([
      "get",
      "deploy,cm,svc,sa,role",
      "-n",
      "mesh-system",
      "-l",
      "app.kubernetes.io/managed-by=mesh",
      "-o",
      "jsonpath={.items[*].metadata.generation} {.items[*].metadata.name}",
    ]);
  const before = await versions();
  await kubectl.run(["apply", "--server-side", "-f", "-"], manifests);
  expect(await versions()).toBe(before);
  await expect
    .poll(() => check(), { timeout: 60_000 })
    .toMatchObject({
      installation: "passed",
      "installed-version": "passed",
      crds: "passed",
    });
});

test("an installation that lost an object is told by its name", async () => {
  await kubectl.run(["delete", "-n", "mesh-system", "rolebinding/mesh-webhook"]);
  const { status, stdout } = await mesh("check");
  expect(status).toBe(1);
  expect(stdout).toContain("missing: RoleBinding/mesh-webhook");
  await applyPrinted("upgrade");
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
  await kubectl.run(["delete", "-f", "-"], objects);
  const roots = ["--field-selector", "metadata.name=mesh-trust-roots", "-o", "name"];
  expect(await kubectl.run(["get", "configmaps", "-A", ...roots])).toBe("");
  const { status, stdout } = await mesh("check", "--pre");
  expect(status, stdout).toBe(0);
});

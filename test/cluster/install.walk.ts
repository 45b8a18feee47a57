// From an empty cluster to an installed mesh and back, as docs/install.md tells it.
import { beforeAll, expect, test } from "vitest";
import { applyPrinted, kubectl, mesh } from "./administrator.js";
import { isSettled, storedObjects, withoutStatus } from "./stored-objects.js";

/** Kinds of which the mesh has objects outside of its namespace, or by which it could leave something behind. */
const KINDS_ELSEWHERE = [
  "customresourcedefinitions",
  "mutatingwebhookconfigurations",
  "validatingwebhookconfigurations",
  "clusterroles",
  "clusterrolebindings",
  "namespaces",
  "configmaps",
  "secrets",
  "serviceaccounts",
  "roles",
  "rolebindings",
  "networkpolicies",
];

let before: Set<string>;
beforeAll(async () => {
  before = await census();
});

/** Every object of these kinds in the cluster, by kind, namespace and name. */
async function census(): Promise<Set<string>> {
  const columns = "custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name";
  const printed = await Promise.all(
    KINDS_ELSEWHERE.map((kind) => kubectl.run(["get", kind, "-A", "--no-headers", "-o", columns])),
  );
  const lines = printed.join("").split("\n");
  return new Set(lines.filter((line) => line !== "").map((line) => line.trim().replace(/ +/g, " ")));
}

/** The state of each check, by its name. */
async function check(...words: string[]): Promise<Record<string, string>> {
  const { stdout } = await mesh("check", "-o", "json", ...words);
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string }[] };
  return Object.fromEntries(checks.map(({ id, state }) => [id, state]));
}

test("an empty cluster is ready for the mesh", async () => {
  const { status, stdout, stderr } = await mesh("check", "--pre");
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toContain("\n5 passed, 0 failed\n");
  expect(await check()).toMatchObject({ installation: "failed" });
});

test("every check passes in a minute after an install, without a warning", async () => {
  // Where pods pull nothing, Grafana's image is not there.
  await applyPrinted("install", "--no-grafana");
  const begun = performance.now();
  const { status, stdout, stderr } = await mesh("check", "--wait", "60s");
  const took = (performance.now() - begun) / 1000;
  expect(status, stdout + stderr).toBe(0);
  const [sum = "", blank, ...lines] = stdout.trimEnd().split("\n").reverse();
  expect([blank, lines.filter((line) => !line.startsWith("✓ "))], stdout).toEqual(["", []]);
  expect(sum).toBe(`${lines.length} passed, 0 failed`);
  expect(lines.length).toBeGreaterThan(20);
  process.stdout.write(`mesh check had all of it ${took.toFixed(1)} s after the install was applied\n`);
});

test.each([
  ["the API server", ["--server-side"]],
  ["kubectl", []],
])("what install prints, applied by %s, changes nothing the second time", async (_, flags) => {
  const { stdout: manifests } = await mesh("install");
  const apply = () => kubectl.run(["apply", ...flags, "-f", "-"], manifests);
  expect(await apply()).toMatch(/^namespace\/mesh-system (serverside-applied|configured)$/m);
  await expect
    .poll(async () => (await storedObjects(manifests)).filter((object) => !isSettled(object)), {
      timeout: 60_000,
    })
    .toEqual([]);
  const objects = await storedObjects(manifests);
  expect(objects.length).toBeGreaterThan(30);
  await apply();
  expect((await storedObjects(manifests)).map(withoutStatus)).toEqual(objects.map(withoutStatus));
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
  const left = [...(await census())].filter((object) => !before.has(object) || /\bmesh[-.]/.test(object));
  expect(left).toEqual([]);
  const { status, stdout } = await mesh("check", "--pre");
  expect(status, stdout).toBe(0);
  expect(stdout).toContain("\n5 passed, 0 failed\n");
});

// What everybody tries first: the cluster's own DNS gets a sidecar, is watched, and is without one again.
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const DNS = ["-n", "kube-system", "deployment/coredns"];

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
});
afterAll(uninstall);

const template = () => kubectl.run(["get", ...DNS, "-o", "jsonpath={.spec.template}"]);

/** Passes the deployment through a command that edits manifests, and applies what comes out. */
async function edit(command: "inject" | "uninject"): Promise<string> {
  const { stdout, stderr } = await edited(command, await kubectl.run(["get", ...DNS, "-o", "yaml"]));
  await kubectl.run(["apply", "-f", "-"], stdout);
  await rolledOut("kube-system", "coredns");
  return stderr;
}

/** What a pod gets when it asks the cluster's DNS, by UDP. */
const resolved = (name: string) =>
  kubectl.run([
    ...["exec", "-n", "mesh-system", "deployment/mesh-control-plane", "-c", "control-plane", "--"],
    ...["/node", "-e", `require("dns").promises.resolve4("${name}").then((ips) => console.log(ips.join()))`],
  ]);

test("a meshed CoreDNS answers, is shown and watched, and becomes what it was", async () => {
  const before = await template();
  expect(await edit("inject")).toContain("deployment/coredns injected");
  expect(await resolved("kubernetes.default.svc.cluster.local")).toMatch(/^\d+\.\d+\.\d+\.\d+\n$/);

  const stat = async () => {
    const { stdout, stderr } = await mesh("stat", "deploy", "-n", "kube-system");
    return stdout + stderr;
  };
  await expect.poll(stat, { timeout: 30_000, interval: 1000 }).toMatch(/^coredns +1\/1 +100\.00% /m);

  const tap = startedMesh("tap", "deploy/coredns", "-n", "kube-system");
  const lines = createInterface({ input: tap.stdout });
  for await (const line of lines) if (/^req .* method=GET .*:8181 path=\/ready$/.test(line)) break;

  expect(await edit("uninject")).toContain("deployment/coredns uninjected");
  expect(await template()).toBe(before);
  expect(await resolved("kubernetes.default.svc.cluster.local")).toMatch(/^\d+\.\d+\.\d+\.\d+\n$/);
});

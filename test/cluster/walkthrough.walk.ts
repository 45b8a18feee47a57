// What everybody tries first: the cluster's own DNS gets a sidecar, is watched, and is without one again.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import {
  applyPrinted,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";
import { Shell } from "./documented-commands.js";

const DNS = ["-n", "kube-system", "deployment/coredns"];
const { kubeconfig, kubectl: kubectlWords } = inject("cluster");

/** Where the files are that the commands write. */
const folder = mkdtempSync(join(tmpdir(), "mesh-walkthrough-"));
const shell = new Shell(kubectlWords, { KUBECONFIG: kubeconfig }, folder);

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
});
afterAll(async () => {
  shell.close();
  rmSync(folder, { recursive: true });
  await uninstall();
});

const template = () => kubectl.run(["get", ...DNS, "-o", "jsonpath={.spec.template}"]);

/** What a pod gets when it asks the cluster's DNS, by UDP. */
const resolved = (name: string) =>
  kubectl.run([
    ...["exec", "-n", "mesh-system", "deployment/mesh-control-plane", "-c", "control-plane", "--"],
    ...[
      "/node",
      "-e",
      `require("dns").promises.lookup("${name}").then(({ address }) => console.log(address))`,
    ],
  ]);

/** The address of a service, as resolved() gives it. */
const addressOf = async (service: string) =>
  `${await kubectl.run(["get", "-n", "default", "service", service, "-o", "jsonpath={.spec.clusterIP}"])}\n`;

/** Reads the metrics of CoreDNS again and again, by the API server, until `signal` aborts. */
async function readMetrics(signal: AbortSignal): Promise<void> {
  const pod = await kubectl.run([
    ...["get", "pods", "-n", "kube-system", "-l", "k8s-app=kube-dns,mesh.dev/meshed=true"],
    ...["-o", "jsonpath={.items[0].metadata.name}"],
  ]);
  const path = `/api/v1/namespaces/kube-system/pods/${pod}:9153/proxy/metrics`;
  while (!signal.aborted) {
    expect(await kubectl.run(["get", "--raw", path])).toContain("coredns_build_info");
    await delay(500);
  }
}

/** Ends when `mesh tap` has shown a request of each kind. */
async function showsItsProbesAndMetrics(): Promise<void> {
  const tap = startedMesh("tap", "deploy/coredns", "-n", "kube-system");
  const patience = setTimeout(() => tap.kill(), 120_000);
  const unseen = new Set([
    /^req .* method=GET .*:8181 path=\/ready$/,
    /^req .* method=GET .*:8080 path=\/health$/,
    // The API server passes its own name on.
    /^req .* method=GET .* path=\/metrics$/,
  ]);
  for await (const line of createInterface({ input: tap.stdout })) {
    for (const request of unseen) if (request.test(line)) unseen.delete(request);
    if (unseen.size === 0) break;
  }
  clearTimeout(patience);
  expect([...unseen], "what mesh tap did not show").toEqual([]);
}

test(
  "a meshed CoreDNS answers, is shown and watched, and becomes what it was",
  { timeout: 240_000 },
  async () => {
    const before = await template();
    await shell.run("kubectl get deploy coredns -n kube-system -o yaml > before.yml");
    await shell.run("mesh inject -f before.yml > after.yml");
    // diff's status is 1 when the files differ.
    const diff = await shell.run("diff before.yml after.yml || test $? = 1");
    expect(diff).toMatch(/^> .*mesh-proxy/m);
    for (const line of diff.trimEnd().split("\n")) expect(line).toMatch(/^(> .*|\d+a\d+(,\d+)?)$/);
    expect(await shell.run("kubectl apply -f after.yml")).toContain("deployment.apps/coredns configured");
    await rolledOut("kube-system", "coredns");
    expect(await resolved("kubernetes.default.svc.cluster.local")).toBe(await addressOf("kubernetes"));

    const stat = async () => {
      const { stdout, stderr } = await mesh("stat", "deploy", "-n", "kube-system");
      return stdout + stderr;
    };
    await expect.poll(stat, { timeout: 30_000, interval: 1000 }).toMatch(/^coredns +1\/1 +100\.00% /m);

    const enough = new AbortController();
    await Promise.all([showsItsProbesAndMetrics().finally(() => enough.abort()), readMetrics(enough.signal)]);

    await shell.run("mesh uninject -f after.yml > again.yml");
    expect(readFileSync(join(folder, "again.yml"), "utf8")).toBe(
      readFileSync(join(folder, "before.yml"), "utf8"),
    );
    await shell.run(
      "kubectl get deploy coredns -n kube-system -o yaml | mesh uninject - | kubectl apply -f -",
    );
    await rolledOut("kube-system", "coredns");
    expect(await template()).toBe(before);
    expect(await resolved("kubernetes.default.svc.cluster.local")).toBe(await addressOf("kubernetes"));
  },
);

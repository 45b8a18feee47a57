// Applications of several kinds in the mesh, while they live, change, and outlive it.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  applicationImage,
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  const manifests = readFileSync(new URL("applications.yaml", import.meta.url), "utf8");
  const { stdout } = await edited(
    "inject",
    manifests.replaceAll("APPLICATION_IMAGE", await applicationImage()),
  );
  await kubectl.run(["apply", "-f", "-"], stdout);
  for (const name of ["web", "database", "client"]) await rolledOut("shop", name);
});
afterAll(async () => {
  await kubectl.run(["delete", "namespace", "shop", "--ignore-not-found"]);
  await uninstall();
});

/** Runs a script in the client's pod; gives what it prints. */
const inClient = (script: string) =>
  kubectl.run(["exec", "-n", "shop", "deployment/client", "-c", "client", "--", "/node", "-e", script]);

/** Requests of four callers at once, one after another, for some seconds: how often each outcome was seen. */
async function outcomesFor(seconds: number): Promise<Record<string, number>> {
  const printed = await inClient(`
    const until = Date.now() + ${seconds * 1000}, seen = {};
    const call = async () => {
      const answer = await fetch("http://web");
      await answer.text();
      return answer.status === 200 ? "200" : answer.status + " " + answer.headers.get("mesh-proxy-error");
    };
    const caller = async () => {
      while (Date.now() < until) {
        const outcome = await call().catch(({ message, cause }) => cause?.code ?? message);
        seen[outcome] = (seen[outcome] ?? 0) + 1;
      }
    };
    Promise.all([1, 2, 3, 4].map(caller)).then(() => console.log(JSON.stringify(seen)));
  `);
  return JSON.parse(printed) as Record<string, number>;
}

/** Fails when a request was lost. */
function expectNoLoss({ "200": succeeded, ...others }: Record<string, number>): void {
  expect(succeeded).toBeGreaterThan(0);
  expect(others).toEqual({});
}

/** What `mesh stat` prints of the namespace. */
async function statOf(...words: string[]): Promise<string> {
  const { stdout } = await mesh("stat", ...words, "-n", "shop");
  return stdout;
}

test("requests are spread over the pods, and counted on both sides", async () => {
  const countPods = () =>
    inClient(`
      const ask = () => fetch("http://web.shop.svc.cluster.local").then((answer) => answer.text());
      Promise.all(Array.from({ length: 20 }, ask)).then((names) => console.log(new Set(names).size));
    `);
  await expect.poll(countPods, { timeout: 30_000 }).toBe("2\n");
  // Some of what it served are probes, which come before an application listens.
  await expect.poll(() => statOf("deploy"), { timeout: 30_000 }).toMatch(/^web +2\/2 +\d+\.\d\d% /m);
  await expect
    .poll(() => statOf("deploy", "--from", "deploy/client"), { timeout: 30_000 })
    .toMatch(/^web +2\/2 +100\.00% /m);
  await expect.poll(() => statOf("svc"), { timeout: 30_000 }).toMatch(/^web +2\/2 +100\.00% /m);
});

test("a server that speaks first is heard", async () => {
  const read = `require("net").connect(3306, "database").on("data", (data) => process.stdout.write(data))`;
  expect(await inClient(read)).toBe("ready for queries\n");
});

test("a job ends, and its sidecar with it", async () => {
  await kubectl.run(["wait", "-n", "shop", "job/once", "--for=condition=complete", "--timeout=60s"]);
});

test("a rolling restart under load loses no request", async () => {
  const outcomes = outcomesFor(15);
  await kubectl.run(["rollout", "restart", "-n", "shop", "deployment/web"]);
  await rolledOut("shop", "web");
  expectNoLoss(await outcomes);
});

test("without a control plane what runs goes on, and nothing needs a hand when it is back", async () => {
  await kubectl.run(["scale", "-n", "mesh-system", "deployment/mesh-control-plane", "--replicas=0"]);
  await kubectl.run([
    "wait",
    "-n",
    "mesh-system",
    "pod",
    "-l",
    "app.kubernetes.io/name=mesh-control-plane",
    "--for=delete",
    "--timeout=60s",
  ]);
  expectNoLoss(await outcomesFor(3));
  await kubectl.run(["scale", "-n", "mesh-system", "deployment/mesh-control-plane", "--replicas=1"]);
  await rolledOut("mesh-system", "mesh-control-plane");
  await expect.poll(() => statOf("deploy"), { timeout: 30_000 }).toMatch(/^web +2\/2 /m);
  await kubectl.run(["rollout", "restart", "-n", "shop", "deployment/web"]);
  const outcomes = outcomesFor(15);
  await rolledOut("shop", "web");
  expectNoLoss(await outcomes);
});

test("applications outlive the mesh", async () => {
  await uninstall();
  expectNoLoss(await outcomesFor(3));
});

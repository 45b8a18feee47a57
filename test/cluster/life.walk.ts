// Pods come and go, and nobody who calls them loses a request.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { applyPrinted, edited, kubectl, rolledOut, uninstall, WITHOUT_DASHBOARDS } from "./administrator.js";

const inLife = (...words: string[]) => kubectl.run(["-n", "life", ...words]);
const inSystem = (...words: string[]) => kubectl.run(["-n", "mesh-system", ...words]);

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  const image = await inSystem(
    ...["get", "deployment/mesh-control-plane", "-o", "jsonpath={.spec.template.spec.containers[0].image}"],
  );
  const manifests = readFileSync(new URL("life.yaml", import.meta.url), "utf8");
  const { stdout } = await edited("inject", manifests.replaceAll("APPLICATION_IMAGE", image));
  await kubectl.run(["apply", "-f", "-"], stdout);
  for (const name of ["web", "caller"]) await rolledOut("life", name);
  await vi.waitFor(async () => expect((await outcomes()).every((seen) => seen["200"])).toBe(true), 60_000);
});
afterAll(async () => {
  await kubectl.run(["delete", "namespace", "life", "--ignore-not-found"]);
  await uninstall();
});

type Outcomes = Record<string, number>;

/** How often each of the callers has seen each outcome so far. */
async function outcomes(): Promise<Outcomes[]> {
  const names = await inLife("get", "pods", "-l", "app=caller", "-o", "jsonpath={.items[*].metadata.name}");
  const print = `fetch("http://127.0.0.1:9000").then((answer) => answer.text()).then(console.log)`;
  const ask = (name: string) => inLife("exec", name, "-c", "caller", "--", "/node", "-e", print);
  const printed = await Promise.all(names.split(" ").map(ask));
  return printed.map((text) => JSON.parse(text) as Outcomes);
}

/** Fails when a caller lost a request while `change` was going on, or sent none. */
async function expectNoLoss(change: () => Promise<unknown>): Promise<void> {
  const before = await outcomes();
  await change();
  const after = await outcomes();
  expect(after.length).toBe(2);
  const sent = after.map((seen, index) => {
    const more = Object.entries(seen).map(
      ([outcome, count]) => [outcome, count - (before[index]?.[outcome] ?? 0)] as const,
    );
    return Object.fromEntries(more.filter(([, count]) => count > 0));
  });
  for (const seen of sent) {
    expect(Object.keys(seen)).toEqual(["200"]);
    expect(seen["200"]).toBeGreaterThan(100);
  }
}

async function scaled(replicas: number): Promise<void> {
  await inLife("scale", "deployment/web", `--replicas=${replicas}`);
  await rolledOut("life", "web");
}

/** Waits until no pod of the application is about to end any more. */
async function settled(): Promise<void> {
  const ending = () =>
    inLife("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.deletionTimestamp}");
  await expect.poll(ending, { timeout: 60_000 }).toBe("");
}

describe("an application that exits at once loses no request", () => {
  test.each([1, 2, 3])("in rolling restart %i", { timeout: 240_000 }, () =>
    expectNoLoss(async () => {
      await inLife("rollout", "restart", "deployment/web");
      await rolledOut("life", "web");
      await settled();
    }),
  );

  test("when it is scaled to one pod and back to three", { timeout: 240_000 }, () =>
    expectNoLoss(async () => {
      await scaled(1);
      await settled();
      await scaled(3);
    }),
  );

  test("when a change is rolled out and back", { timeout: 240_000 }, () =>
    expectNoLoss(async () => {
      await inLife("set", "env", "deployment/web", "-c", "web", "CHANGED=yes");
      await rolledOut("life", "web");
      await inLife("rollout", "undo", "deployment/web");
      await rolledOut("life", "web");
      await settled();
    }),
  );

  test("when a pod is killed", { timeout: 240_000 }, () =>
    expectNoLoss(async () => {
      const [name = ""] = (
        await inLife("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}")
      ).split(" ");
      await inLife("delete", "pod", name, "--force", "--grace-period=0");
      await rolledOut("life", "web");
      await pause(5_000);
    }),
  );
});

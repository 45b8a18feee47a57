// Three replicas of the control plane and of the webhook: any one may be killed.
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyPrinted, mesh, rolledOut, uninstall, WITHOUT_DASHBOARDS } from "./administrator.js";
import { expectNoLoss, inLife, inSystem, startCallers } from "./callers.js";

const PARTS = ["mesh-control-plane", "mesh-webhook"];

const allReady = () => Promise.all(PARTS.map((name) => rolledOut("mesh-system", name)));

beforeAll(async () => {
  await applyPrinted("install", "--ha", ...WITHOUT_DASHBOARDS);
  await allReady();
  await startCallers();
});
afterAll(() => uninstall("life"));

/** The names of a part's pods. */
async function podsOf(part: string): Promise<string[]> {
  const names = await inSystem(
    ...["get", "pods", "-l", `app.kubernetes.io/name=${part}`, "-o", "jsonpath={.items[*].metadata.name}"],
  );
  return names.split(" ");
}

test("every part passes its check", { timeout: 120_000 }, async () => {
  const { status, stdout } = await mesh("check", "--wait", "60s");
  expect(status, stdout).toBe(0);
});

test.each(PARTS)(
  "each replica of %s is killed in turn: no request is lost, and pods come with their sidecars meanwhile",
  { timeout: 600_000 },
  async (part) => {
    // The autoscaler asks for them, after a while.
    await expect.poll(() => podsOf(part), { timeout: 120_000 }).toHaveLength(3);
    await allReady();
    const names = await podsOf(part);
    for (const name of names) {
      await expectNoLoss(async () => {
        await inSystem("delete", "pod", name, "--force", "--grace-period=0");
        await inLife("rollout", "restart", "deployment/web");
        await rolledOut("life", "web");
      });
      await allReady();
    }
  },
);

test("whichever replica answers, it tells of all traffic", { timeout: 240_000 }, async () => {
  const stat = async () => (await mesh("stat", "deploy", "-n", "life")).stdout;
  for (const name of await podsOf("mesh-control-plane")) {
    await expect.poll(stat, { timeout: 60_000 }).toMatch(/^web +3\/3 +\d+\.\d\d% /m);
    await inSystem("delete", "pod", name, "--wait=true");
    await allReady();
  }
});

// Pods come and go, and what runs them is away for a while: nobody who calls them loses a request.
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { applyPrinted, rolledOut, uninstall, WITHOUT_DASHBOARDS } from "./administrator.js";
import { expectNoLoss, inLife, inSystem, startCallers } from "./callers.js";

/** MESH_LIFE_FULL=true: outages as long as those of real life. */
const IS_FULL = process.env.MESH_LIFE_FULL === "true";
const API_SERVER_AWAY_MS = IS_FULL ? 120_000 : 15_000;
const CONTROL_PLANE_AWAY_MS = IS_FULL ? 300_000 : 15_000;
/** After Kubernetes has called all pods of its node unready. */
const KUBELET_AWAY_MS = IS_FULL ? 60_000 : 10_000;

const { pids } = inject("cluster");

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  await startCallers();
});
afterAll(() => uninstall("life"));

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

test(
  "without a control plane what runs goes on, and new pods wait and say for what",
  { timeout: 600_000 },
  () =>
    expectNoLoss(async () => {
      const run = (replicas: number) =>
        inSystem("scale", "deployment/mesh-control-plane", `--replicas=${replicas}`);
      onTestFinished(() => void run(1));
      await run(0);
      await inSystem(
        "wait",
        "pod",
        "-l",
        "app.kubernetes.io/name=mesh-control-plane",
        "--for=delete",
        "--timeout=60s",
      );
      await inLife("scale", "deployment/web", "--replicas=4");
      await pause(CONTROL_PLANE_AWAY_MS);

      const newest = await inLife(
        ...["get", "pods", "-l", "app=web", "--sort-by=.metadata.creationTimestamp"],
        ...["-o", "jsonpath={.items[-1:].metadata.name}"],
      );
      expect(await inLife("get", "pod", newest, "-o", "jsonpath={.status.containerStatuses[0].ready}")).toBe(
        "false",
      );
      expect(await inLife("logs", newest, "-c", "mesh-proxy")).toContain("control plane not reached");

      await run(1);
      await rolledOut("mesh-system", "mesh-control-plane");
      await rolledOut("life", "web");
      await scaled(3);
      await settled();
    }),
);

describe.runIf(pids)("while it is stopped, and when it goes on,", () => {
  /** Stops a program of the cluster for as long as something takes. */
  async function stopped(pid: number | undefined, meanwhile: () => Promise<unknown>): Promise<void> {
    if (pid === undefined) return;
    onTestFinished(() => void process.kill(pid, "SIGCONT"));
    process.kill(pid, "SIGSTOP");
    await meanwhile();
    process.kill(pid, "SIGCONT");
  }

  test("a kubelet is not missed", { timeout: 240_000 }, () =>
    expectNoLoss(async () => {
      const pods = (await inLife("get", "pods", "-l", "app=web", "-o", "name")).trim().split("\n");
      await inLife("scale", "deployment/web", "--replicas=4");
      await stopped(pids?.kubelet, async () => {
        await inLife("wait", ...pods, "--for=condition=Ready=false", "--timeout=120s");
        await pause(KUBELET_AWAY_MS);
      });
      await rolledOut("life", "web");
      await scaled(3);
      await settled();
    }),
  );

  test("the API server is not missed", { timeout: 600_000 }, () =>
    expectNoLoss(async () => {
      await stopped(pids?.apiServer, () => pause(API_SERVER_AWAY_MS));
      await inLife("rollout", "restart", "deployment/web");
      await rolledOut("life", "web");
      await settled();
    }),
  );
});

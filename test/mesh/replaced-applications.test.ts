// Applications that exit at once when they are told to, in the midst of requests, and are replaced by others.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type BackendProcess, startBackendProcess } from "./backends.js";
import { Load, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

/** An application with its sidecar. */
interface Pod {
  name: string;
  application: BackendProcess;
  proxy: RunningProxy;
}

let mesh: RunningMesh;
let pods: Pod[];
let count: number;
beforeEach(async () => {
  mesh = await RunningMesh.start();
  pods = [];
  count = 0;
});
afterEach(() => mesh.stop());

async function startPod(): Promise<void> {
  const name = `web-${++count}`;
  const application = await startBackendProcess(name, { delayMs: 5 });
  pods.push({ name, application, proxy: await mesh.startInbound(name, application.address) });
}

const announce = () =>
  mesh.setService(
    "web",
    pods.map(({ proxy }) => inboundOf(proxy)),
  );

/** As Kubernetes does it: callers are told while the application ends, and its sidecar ends after it. */
async function endPod(): Promise<void> {
  const pod = pods.shift();
  if (!pod) throw new Error("no pod is left");
  const ended = pod.application.kill("SIGTERM");
  announce();
  await ended;
  pod.proxy.signal("SIGTERM");
  await pod.proxy.ended;
}

/** Replaces pods one by one, each when its successor has served a request. */
async function restart(load: Load): Promise<void> {
  for (let left = pods.length; left > 0; left--) {
    await startPod();
    announce();
    await vi.waitFor(() => expect(load.answered.get(`web-${count}`)).toBeGreaterThan(0), SOON);
    await endPod();
  }
}

it("loses no request of any caller, and counts those that were sent again", async () => {
  await startPod();
  await startPod();
  announce();
  const callers = await Promise.all(["one", "two"].map((name) => mesh.startProxy({ name })));
  for (const caller of callers) {
    await vi.waitFor(async () => expect((await send(outboundOf(caller), "web")).status).toBe(200), SOON);
  }
  const loads = callers.map((caller) => new Load(outboundOf(caller), "web", 16));
  for (let restarts = 0; restarts < 2; restarts++) for (const load of loads) await restart(load);
  for (const load of loads) await load.stop();
  expect(loads.flatMap((load) => load.failures)).toEqual([]);

  const pages = await Promise.all(callers.map(metricsOf));
  const retries = (reason: string) =>
    pages.reduce((sum, page) => sum + page.sum("mesh_retries_total", { dst_service: "web", reason }), 0);
  expect(retries("unanswered")).toBeGreaterThan(0);
});

import { setTimeout as sleep } from "node:timers/promises";
import type { AppProtocol } from "./app-process.js";
import type { Endpoint } from "./endpoint.js";
import { controlPlaneFaultsOf, type Fault, type FaultLog, faultsOf, type PlannedFault } from "./fault.js";
import type { SoakedMesh } from "./mesh.js";

/** Does to a service's endpoints what the plan says, one at a time, until `signal`; all is whole again when it resolves. */
export async function injectIntoService(
  mesh: SoakedMesh,
  service: AppProtocol,
  seed: number,
  log: FaultLog,
  signal: AbortSignal,
): Promise<void> {
  const endpoints = mesh.services[service];
  for (const planned of faultsOf(seed, service, endpoints.length)) {
    await pause(planned.afterMs, signal);
    const endpoint = endpoints[planned.endpoint];
    if (signal.aborted || endpoint === undefined) return;
    const fault = log.begin(planned.kind, service, endpoint.name);
    await breakEndpoint(mesh, endpoint, fault);
    await pause(planned.forMs, signal);
    await restore(mesh, endpoint, planned);
    log.end(fault);
  }
}

/** Kills the control plane again and again until `signal`. It is there again when this resolves. */
export async function injectIntoControlPlane(
  mesh: SoakedMesh,
  seed: number,
  log: FaultLog,
  signal: AbortSignal,
): Promise<void> {
  for (const { kind, afterMs, forMs } of controlPlaneFaultsOf(seed)) {
    await pause(afterMs, signal);
    if (signal.aborted) return;
    const fault = log.begin(kind, null, null);
    await mesh.controlPlane.kill();
    await pause(forMs, signal);
    await mesh.controlPlane.restart();
    log.end(fault);
  }
}

async function breakEndpoint(mesh: SoakedMesh, endpoint: Endpoint, fault: Fault): Promise<void> {
  if (fault.kind === "application killed") await endpoint.killApp();
  if (fault.kind === "proxy killed") await endpoint.killProxy();
  if (fault.kind === "endpoint removed") await mesh.list(endpoint, false);
  // A drain breaks only idle connections, and those at once, however long it lasts.
  const drained = fault.kind === "proxy drained" ? endpoint.drainProxy() : undefined;
  fault.brokenBy = performance.now();
  await drained;
}

async function restore(mesh: SoakedMesh, endpoint: Endpoint, { kind }: PlannedFault): Promise<void> {
  if (kind === "application killed") await endpoint.startApp();
  if (kind === "proxy killed" || kind === "proxy drained") await endpoint.startProxy();
  if (kind === "endpoint removed") await mesh.list(endpoint, true);
}

/** Until `signal` at most. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}

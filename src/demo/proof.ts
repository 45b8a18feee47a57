import { Failure } from "../output/index.js";
import type { DemoMesh } from "./demo-mesh.js";
import type { TrafficCount } from "./traffic.js";

/** What one sidecar says of itself. */
export interface SidecarCount {
  /** Requests that came to its application. */
  inbound: number;
  /** Requests that its application sent. */
  outbound: number;
  /** Its resident memory. */
  rssBytes: number;
}

async function askSidecar(admin: string): Promise<SidecarCount> {
  const page = await metricsPage(admin);
  return {
    inbound: sum(page, "mesh_requests_total", 'direction="inbound"'),
    outbound: sum(page, "mesh_requests_total", 'direction="outbound"'),
    rssBytes: sum(page, "process_resident_memory_bytes"),
  };
}

async function metricsPage(admin: string): Promise<string> {
  try {
    const response = await fetch(`http://${admin}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return await response.text();
  } catch {
    throw new Failure(`the sidecar at ${admin} does not tell its metrics`);
  }
}

/** The sum of a metric's series that have a label. */
function sum(page: string, metric: string, label = ""): number {
  return page
    .split("\n")
    .filter((line) => /^\w+/.exec(line)?.[0] === metric && line.includes(label))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** What both sidecars counted. */
export interface Proof {
  /** Requests that were answered with 200. */
  succeeded: number;
  hello: SidecarCount;
  world: SidecarCount;
}

/**
 * Compares what was answered with what the sidecars say that went through them.
 * @throws Failure when a request failed, or did not pass every sidecar
 */
export async function prove(
  { succeeded, failed, lastFailure }: TrafficCount,
  mesh: DemoMesh,
): Promise<Proof> {
  if (failed > 0) {
    throw new Failure(
      `${failed} of ${succeeded + failed} requests failed; the last one got ${lastFailure ?? ""}`,
    );
  }
  if (succeeded === 0) throw new Failure("no request was answered");
  const [hello, world] = await Promise.all([
    askSidecar(mesh.hello.sidecar.addresses.admin),
    askSidecar(mesh.world.sidecar.addresses.admin),
  ]);
  const stations = {
    "into hello": hello.inbound,
    "out of hello": hello.outbound,
    "into world": world.inbound,
  };
  for (const [station, seen] of Object.entries(stations)) {
    if (seen < succeeded) {
      throw new Failure(`${succeeded} requests were answered, but the sidecars counted ${seen} ${station}`);
    }
  }
  return { succeeded, hello, world };
}

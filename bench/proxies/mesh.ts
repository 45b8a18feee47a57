import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ControlPlaneClient, routeTo } from "../../src/client/index.js";
import { startControlPlane } from "../../src/control-plane/index.js";
import { startSidecar } from "../../src/sidecar/index.js";
import { moveTo, PROXY_CORE } from "./cores.js";
import { ask, askHttp2, AUTHORITY } from "./http.js";
import type { Row, RunningRow } from "./row.js";
import type { Upstream } from "./server.js";

/** The name of our own row among those of others. */
export const MESH = "mesh";

const STOP_MS = 2000;
const TAPPED_REQUESTS_PER_SECOND = 100;

/** The circumstances in which our own proxy is measured. */
export interface MeshCircumstances {
  /** The row's name. */
  readonly name: string;
  /** Behind the name that is asked for. All of them are addresses of the one backend; at most 65,000. */
  readonly endpoints: number;
  /** Which the proxy knows besides, because it was asked for each of them once. */
  readonly otherServices: number;
  readonly workers: number;
  /** Whether somebody looks on with `mesh tap` at its default rate. */
  readonly tapped: boolean;
  /** What the endpoints speak. */
  readonly protocol: "http1" | "http2";
}

/** How most meshes begin. */
export const PLAIN: MeshCircumstances = {
  name: MESH,
  endpoints: 1,
  otherServices: 0,
  workers: 1,
  tapped: false,
  protocol: "http1",
};

/** Our own proxy with all that it does in a mesh, and the control plane that it does it for. */
export interface Mesh {
  readonly row: Row;
  stop(): Promise<void>;
}

/** Starts a control plane, in this process, that knows the backend by its name and reads the sidecar's metrics. */
export async function startMesh(
  circumstances: MeshCircumstances,
  directory: string,
  backend: Upstream,
): Promise<Mesh> {
  const world = join(directory, "world", `${circumstances.name}, ${circumstances.protocol}`);
  await writeWorld(world, circumstances, backend);
  const controlPlane = await startControlPlane({
    source: { directory: world },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: "bench",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!controlPlane.ok) throw controlPlane.error;
  const { discoveryAddress, apiAddress } = controlPlane.value;
  const row: Row = {
    name: circumstances.name,
    title: circumstances.name,
    async start() {
      const running = await startSidecarFor(circumstances, discoveryAddress, backend);
      return circumstances.tapped ? tapped(running, apiAddress) : running;
    },
  };
  return { row, stop: () => controlPlane.value.stop() };
}

async function writeWorld(
  world: string,
  { endpoints, otherServices }: MeshCircumstances,
  { port }: Upstream,
): Promise<void> {
  const disco = join(world, "disco");
  await mkdir(disco, { recursive: true });
  const lines = Array.from({ length: endpoints }, (_, index) => `${loopback(index + 1)} ${port}\n`);
  await writeFile(join(disco, AUTHORITY), lines.join(""));
  for (const name of others(otherServices)) await writeFile(join(disco, name), `127.0.0.1 ${port}\n`);
}

/** One of the many addresses that a machine has for itself: 127.0.0.1 for 1, 127.0.1.0 for 256. */
function loopback(index: number): string {
  return `127.0.${index >> 8}.${index & 255}`;
}

function others(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `service-${index}.bench`);
}

/** Requests go through its outbound port; anything else through an inbound one, where it looks at the first bytes. */
async function startSidecarFor(
  { workers, otherServices, protocol }: MeshCircumstances,
  controlPlane: string,
  backend: Upstream,
): Promise<RunningRow> {
  const ephemeral = "127.0.0.1:0";
  const sidecar = await startSidecar({
    name: "bench",
    controlPlane,
    outbound: ephemeral,
    inbound: [`${ephemeral}=127.0.0.1:${backend.opaquePort}`],
    admin: ephemeral,
    tap: ephemeral,
    workers: String(workers),
  });
  const stop = async () => {
    await sidecar.stop(STOP_MS);
  };
  try {
    await moveTo(PROXY_CORE, sidecar.pid);
    const port = portOf(sidecar.addresses.outbound);
    const opaquePort = portOf(sidecar.addresses.inbound[0]);
    await (protocol === "http2" ? askHttp2(port) : ask(port));
    for (const authority of others(otherServices)) await ask(port, { authority });
    return { port, opaquePort, pids: [sidecar.pid], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Looks at what goes through a sidecar until it is stopped. */
function tapped(running: RunningRow, apiAddress: string): RunningRow {
  const client = new ControlPlaneClient(routeTo(apiAddress));
  const end = new AbortController();
  const watched = watch(client, end.signal);
  return {
    ...running,
    async stop() {
      end.abort();
      await running.stop();
      const events = await watched;
      client.close();
      if (events === 0) throw new Error("tap saw nothing of the requests");
    },
  };
}

/** How many events were seen until the signal. */
async function watch(client: ControlPlaneClient, signal: AbortSignal): Promise<number> {
  const target = { type: "workload", name: "bench", namespace: "default" };
  let events = 0;
  for await (const { event } of client.tap({ target, maxRps: TAPPED_REQUESTS_PER_SECOND }, signal)) {
    if (event) events += 1;
  }
  return events;
}

/** The port of an address:port. */
export function portOf(address = ""): number {
  return Number(address.split(":").pop());
}

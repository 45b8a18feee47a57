import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startControlPlane } from "../../src/control-plane/index.js";
import { startSidecar } from "../../src/sidecar/index.js";
import { moveTo, PROXY_CORE } from "./cores.js";
import { ask, AUTHORITY } from "./http.js";
import type { Row, RunningRow } from "./row.js";
import type { BackendPorts } from "./server.js";
import { commit } from "./versions.js";

/** The name of our own row. */
export const MESH = "mesh";

const STOP_MS = 2000;

/** Our own proxy with all that it does in a mesh, and the control plane that it does it for. */
export interface Mesh {
  readonly row: Row;
  stop(): Promise<void>;
}

/** Starts a control plane, in this process, that knows the backend by its name and reads the sidecar's metrics. */
export async function startMesh(directory: string, backend: BackendPorts): Promise<Mesh> {
  const world = join(directory, "world");
  await mkdir(join(world, "disco"), { recursive: true });
  await writeFile(join(world, "disco", AUTHORITY), `127.0.0.1 ${backend.port}\n`);
  const controlPlane = await startControlPlane({
    directory: world,
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version: "bench",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!controlPlane.ok) throw controlPlane.error;
  const { discoveryAddress } = controlPlane.value;
  const built = await commit();
  const row: Row = {
    name: MESH,
    title: built === undefined ? MESH : `${MESH} at commit ${built}`,
    start: () => startSidecarFor(discoveryAddress, backend),
  };
  return { row, stop: () => controlPlane.value.stop() };
}

/** Requests go through its outbound port; anything else through an inbound one, where it looks at the first bytes. */
async function startSidecarFor(controlPlane: string, backend: BackendPorts): Promise<RunningRow> {
  const ephemeral = "127.0.0.1:0";
  const sidecar = await startSidecar({
    name: "bench",
    controlPlane,
    outbound: ephemeral,
    inbound: [`${ephemeral}=127.0.0.1:${backend.opaquePort}`],
    admin: ephemeral,
    tap: ephemeral,
    workers: "1",
  });
  const stop = async () => {
    await sidecar.stop(STOP_MS);
  };
  try {
    await moveTo(PROXY_CORE, sidecar.pid);
    const port = portOf(sidecar.addresses.outbound);
    const opaquePort = portOf(sidecar.addresses.inbound[0]);
    await ask(port);
    return { port, opaquePort, pid: sidecar.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function portOf(address = ""): number {
  return Number(address.split(":").pop());
}

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startControlPlane } from "../../src/control-plane/index.js";
import { startSidecar } from "../../src/sidecar/index.js";
import { moveTo, PROXY_CORE } from "./cores.js";
import { ask, AUTHORITY } from "./http.js";
import type { Row } from "./row.js";
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
export async function startMesh(directory: string, backend: number): Promise<Mesh> {
  const world = join(directory, "world");
  await mkdir(join(world, "disco"), { recursive: true });
  await writeFile(join(world, "disco", AUTHORITY), `127.0.0.1 ${backend}\n`);
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
    start: () => startOutbound(discoveryAddress),
  };
  return { row, stop: () => controlPlane.value.stop() };
}

async function startOutbound(controlPlane: string) {
  const ephemeral = "127.0.0.1:0";
  const sidecar = await startSidecar({
    name: "bench",
    controlPlane,
    outbound: ephemeral,
    admin: ephemeral,
    tap: ephemeral,
    workers: "1",
  });
  const stop = async () => {
    await sidecar.stop(STOP_MS);
  };
  try {
    await moveTo(PROXY_CORE, sidecar.pid);
    const port = Number(sidecar.addresses.outbound?.split(":").pop());
    await ask(port);
    return { port, pid: sidecar.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

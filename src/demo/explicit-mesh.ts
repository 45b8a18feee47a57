import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startSidecar } from "../sidecar/index.js";
import type { Meshed, Parts, Stop } from "./demo-mesh.js";
import { makeDirectory } from "./directory.js";
import { type QuietControlPlane, startQuietControlPlane } from "../quiet-control-plane/index.js";
import { freePort, startService } from "./service.js";

/** How often a port that turns out to be taken is replaced by another one. */
const ATTEMPTS = 5;

/** Starts the demo's mesh as ordinary processes on free loopback ports; the services name their sidecars. */
export async function startExplicitMesh(version: string, signal: AbortSignal, stops: Stop[]): Promise<Parts> {
  const directory = makeDirectory(stops);
  const controlPlane = await startQuietControlPlane(directory, version, "127.0.0.1");
  stops.push(() => controlPlane.stop());

  const world = await startMeshed("world", controlPlane, stops);
  signal.throwIfAborted();
  const hello = await startMeshed("hello", controlPlane, stops);
  signal.throwIfAborted();

  await Promise.all([controlPlane.joined("world"), controlPlane.joined("hello")]);
  await mkdir(join(directory, "disco"), { recursive: true });
  await writeFile(join(directory, "disco", "world"), `${world.address.replace(":", " ")}\n`);
  await writeFile(join(directory, "disco", "hello"), `${hello.address.replace(":", " ")}\n`);
  return {
    directory,
    apiAddress: controlPlane.apiAddress,
    hello,
    world,
    prefix: "",
    callWorld: `http_proxy=http://${hello.sidecar.addresses.outbound ?? ""} curl http://world/`,
  };
}

/**
 * A service that is reached, and reaches others, through a sidecar of its own. The sidecar must know its application's port, and
 * the application its sidecar's, so one of them is chosen before anybody listens there, and may have been taken meanwhile.
 */
async function startMeshed(
  name: "hello" | "world",
  controlPlane: QuietControlPlane,
  stops: Stop[],
): Promise<Meshed> {
  const credentials = await controlPlane.credentialsOf(name);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const sidecar = await startSidecar({
      name,
      ...credentials,
      controlPlane: controlPlane.discoveryAddress,
      outbound: "0",
      inbound: [`0=${port}`],
      admin: "0",
      tap: "0",
    });
    stops.push(() => sidecar.stop());
    try {
      const { outbound = "", inbound } = sidecar.addresses;
      const service = await startService(name, port, { http_proxy: `http://${outbound}` });
      stops.push(() => service.stop());
      return { service, sidecar, address: inbound.join() };
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sidecar.stop();
    }
  }
}

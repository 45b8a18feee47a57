import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlPlane, startControlPlane } from "../control-plane/index.js";
import { Failure } from "../output/index.js";
import { type Sidecar, startSidecar } from "../sidecar/index.js";
import { freePort, type Service, startService } from "./service.js";

/** A service with the sidecar beside it. */
export interface Meshed {
  service: Service;
  sidecar: Sidecar;
  /** host:port at which others reach the service: the sidecar's. */
  address: string;
}

/** Everything the demo runs. */
export interface DemoMesh {
  /** The directory that the control plane reads. */
  directory: string;
  /** host:port for `--api`. */
  apiAddress: string;
  hello: Meshed;
  world: Meshed;
  /** Rejects when a part ends before it was asked to. */
  broken: Promise<never>;
  /** Ends every part and removes the directory. */
  stop(): Promise<void>;
}

type Stop = () => unknown;

/** How often a port that turns out to be taken is replaced by another one. */
const ATTEMPTS = 5;

/**
 * Starts the demo's mesh on free ports. When a part does not start, or `signal` is aborted, what was started has ended
 * before the promise rejects.
 */
export async function startDemoMesh(version: string, signal: AbortSignal): Promise<DemoMesh> {
  const stops: Stop[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await startParts(version, signal, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  version: string,
  signal: AbortSignal,
  stops: Stop[],
): Promise<Omit<DemoMesh, "stop">> {
  const directory = makeDirectory(stops);
  const controlPlane = await startQuietControlPlane(directory, version);
  stops.push(() => controlPlane.stop());

  const world = await startMeshed("world", controlPlane.discoveryAddress, stops);
  signal.throwIfAborted();
  const hello = await startMeshed("hello", controlPlane.discoveryAddress, stops);
  signal.throwIfAborted();

  await mkdir(join(directory, "disco"), { recursive: true });
  await writeFile(join(directory, "disco", "world"), `${world.address.replace(":", " ")}\n`);
  await writeFile(join(directory, "disco", "hello"), `${hello.address.replace(":", " ")}\n`);
  return {
    directory,
    apiAddress: controlPlane.apiAddress,
    hello,
    world,
    broken: firstToBreak({ hello, world }),
  };
}

function makeDirectory(stops: Stop[]): string {
  const directory = mkdtempSync(join(tmpdir(), "mesh-demo-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Also when the process ends without having stopped the mesh.
  process.once("exit", remove);
  stops.push(() => {
    process.off("exit", remove);
    remove();
  });
  return directory;
}

async function startQuietControlPlane(directory: string, version: string): Promise<ControlPlane> {
  const started = await startControlPlane({
    directory,
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version,
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  return started.value;
}

/**
 * A service that is reached, and reaches others, through a sidecar of its own. The sidecar must know its application's port, and
 * the application its sidecar's, so one of them is chosen before anybody listens there, and may have been taken meanwhile.
 */
async function startMeshed(name: "hello" | "world", controlPlane: string, stops: Stop[]): Promise<Meshed> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const sidecar = await startSidecar({
      name,
      controlPlane,
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

function firstToBreak(services: Readonly<Record<string, Meshed>>): Promise<never> {
  const endings = Object.entries(services).flatMap(([name, { service, sidecar }]) => [
    service.ended.then((): never => {
      throw new Failure(`the service ${name} ended`);
    }),
    sidecar.ended.then((): never => {
      throw new Failure(`the sidecar of ${name} ended`);
    }),
  ]);
  const first = Promise.race(endings);
  // Parts that end because they were stopped are nobody's concern.
  first.catch(() => undefined);
  return first;
}

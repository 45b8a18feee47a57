import { Failure } from "../output/index.js";
import type { Sidecar } from "../sidecar/index.js";
import { startExplicitMesh } from "./explicit-mesh.js";
import type { Service } from "./service.js";
import { startTransparentMesh } from "./transparent-mesh.js";

/** A service with the sidecar beside it. */
export interface Meshed {
  service: Service;
  sidecar: Sidecar;
  /** host:port at which others reach the service: the sidecar's. */
  address: string;
}

/** The parts of the demo. */
export interface Parts {
  /** The directory that the control plane reads. */
  directory: string;
  /** host:port for `--api`. */
  apiAddress: string;
  hello: Meshed;
  world: Meshed;
  /** What a command line begins with to be where the mesh is. */
  prefix: string;
  /** A command that calls world by name, as hello does. */
  callWorld: string;
}

/** Everything the demo runs. */
export interface DemoMesh extends Parts {
  /** Rejects when a part ends before it was asked to. */
  broken: Promise<never>;
  /** Ends every part and removes the directory. */
  stop(): Promise<void>;
}

/** Ends a part. */
export type Stop = () => unknown;

/**
 * Starts the demo's mesh: as ordinary processes, or `transparent`, each service in a network namespace of its own. When a part does not start, or `signal` is aborted, what was started has ended
 * before the promise rejects.
 */
export async function startDemoMesh(
  version: string,
  transparent: boolean,
  signal: AbortSignal,
): Promise<DemoMesh> {
  const stops: Stop[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const start = transparent ? startTransparentMesh : startExplicitMesh;
    const parts = await start(version, signal, stops);
    return { ...parts, broken: firstToBreak({ hello: parts.hello, world: parts.world }), stop };
  } catch (error) {
    await stop();
    throw error;
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

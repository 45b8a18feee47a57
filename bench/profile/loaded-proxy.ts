import { startBackend } from "../proxies/backend.js";
import { LOAD_CORE, moveTo } from "../proxies/cores.js";
import { pace, RATE, saturate, SATURATING_CONNECTIONS } from "../proxies/load.js";
import { PLAIN, startMesh } from "../proxies/mesh.js";

/** Our outbound proxy in a mesh, warm, with a backend and two loads to put on it. */
export interface LoadedProxy {
  readonly pid: number;
  /** As many requests as it takes for some seconds. Returns how many those were. */
  saturate(seconds: number): Promise<number>;
  /** Requests at a fixed rate for some seconds. Returns how many those were. */
  pace(seconds: number): Promise<number>;
}

/** How the two loads are called. */
export const LOADS = {
  saturate: `as many as it takes, ${SATURATING_CONNECTIONS} connections (wrk)`,
  pace: `${RATE} a second (h2load)`,
} as const;

export type Load = keyof typeof LOADS;

const WARM_UP_SECONDS = 2;

/** Runs `measure` with a warm proxy. Nothing is left of it afterwards. */
export async function withLoadedProxy<T>(
  directory: string,
  signal: AbortSignal,
  measure: (proxy: LoadedProxy) => Promise<T>,
): Promise<T> {
  await moveTo(LOAD_CORE, process.pid);
  const backend = await startBackend(directory);
  try {
    const mesh = await startMesh(PLAIN, directory, backend);
    try {
      const running = await mesh.row.start();
      try {
        const proxy = loaded(running.pids[0] ?? 0, running.port, directory, signal);
        await proxy.saturate(WARM_UP_SECONDS);
        return await measure(proxy);
      } finally {
        await running.stop();
      }
    } finally {
      await mesh.stop();
    }
  } finally {
    await backend.stop();
  }
}

function loaded(pid: number, port: number, directory: string, signal: AbortSignal): LoadedProxy {
  const load = { port, path: "/", connections: SATURATING_CONNECTIONS };
  return {
    pid,
    saturate: async (seconds) => (await saturate({ ...load, seconds }, signal)).requests,
    pace: async (seconds) => (await pace({ port, seconds, directory }, signal)).requests,
  };
}

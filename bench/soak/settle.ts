import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchPage, readSamples } from "../../src/metrics/index.js";
import { descriptorsOf } from "./life.js";
import type { SoakedMesh } from "./mesh.js";

/** Pooled connections go after their idle timeout, and a proxy is asked for its metrics again within seconds. */
const LIMIT_MS = 30_000;
const POLL_MS = 250;

/** What a proxy has open while nobody asks anything of it. */
export interface AtRest {
  readonly name: string;
  readonly descriptors: number;
  /** As the proxy itself counts them. */
  readonly connections: number;
}

/** What every proxy has open now. */
export function openNow(mesh: SoakedMesh): Promise<AtRest[]> {
  return Promise.all(
    mesh.proxies.map(async ({ name, pid, admin }) => {
      const descriptors = descriptorsOf(pid);
      const connections = await openConnections(admin).catch(() => NaN);
      return { name, descriptors, connections };
    }),
  );
}

/** Waits until no proxy has more open than it had at the start; what they have open then, or when it has waited too long. */
export async function settle(
  mesh: SoakedMesh,
  start: readonly AtRest[],
  signal: AbortSignal,
): Promise<AtRest[]> {
  const limit = performance.now() + LIMIT_MS;
  for (;;) {
    const now = await openNow(mesh);
    const settled = now.every((proxy, index) => !isLeaking(proxy, start[index]));
    if (settled || performance.now() > limit || signal.aborted) return now;
    await sleep(POLL_MS);
  }
}

/** Whether a proxy has more open than at the start, or does not tell. */
export function isLeaking(now: AtRest, start: AtRest | undefined): boolean {
  return !(now.connections === 0) || now.descriptors > (start?.descriptors ?? 0);
}

/** Connections that a proxy says it has open, on both sides. */
async function openConnections(admin: string): Promise<number> {
  // A connection of its own, for what is kept would be counted as a descriptor.
  const agent = new Agent({ keepAlive: false });
  const page = await fetchPage(admin, agent, new AbortController().signal);
  let sum = 0;
  for (const { id, value } of readSamples(page)) {
    if (id.startsWith("mesh_tcp_open_connections{")) sum += value;
  }
  return sum;
}

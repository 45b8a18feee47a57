import { readdirSync, readFileSync } from "node:fs";
import type { Segment } from "./happenings.js";

/** Who has a request, one after the other, on its way to the backend. */
export type Place = "load generator" | "client's proxy" | "server's proxy" | "backend";

/** The places of a way over so many ports. */
export function placesOver(ports: readonly number[]): readonly Place[] {
  return ports.length === 1
    ? ["load generator", "backend"]
    : ["load generator", "client's proxy", "server's proxy", "backend"];
}

/**
 * The thread that serves at each place, known by what it sends to the next one, or as the backend to the one before: on the loopback
 * interface bytes arrive while their sender runs.
 */
export function servingThreads(
  ports: readonly number[],
  segments: readonly Segment[],
): readonly (number | undefined)[] {
  const last = ports.at(-1);
  return [
    ...ports.map((port) => mostFrequent(segments.filter(({ toPort }) => toPort === port))),
    mostFrequent(segments.filter(({ fromPort }) => fromPort === last)),
  ];
}

function mostFrequent(segments: readonly Segment[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { by } of segments) counts.set(by, (counts.get(by) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0];
}

/** The other threads of a thread's process; none when it has gone. */
export function siblings(thread: number): readonly number[] {
  try {
    const status = readFileSync(`/proc/${thread}/status`, "utf8");
    const process = /^Tgid:\s+(\d+)$/m.exec(status)?.[1] ?? "";
    return readdirSync(`/proc/${process}/task`)
      .map(Number)
      .filter((one) => one !== thread);
  } catch {
    return [];
  }
}

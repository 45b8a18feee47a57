import { readdirSync } from "node:fs";
import { usageOf } from "../../src/bench/index.js";

/** What a process had at one moment. */
export interface Sample {
  /** In milliseconds of performance.now(). */
  readonly at: number;
  readonly rssBytes: number;
  readonly descriptors: number;
}

/** One process from its start to its end, looked at again and again. */
export class Life {
  readonly samples: Sample[] = [];
  /** CPU time until it was looked at last, in µs. */
  cpuUs = 0;

  constructor(
    readonly name: string,
    readonly pid: number,
  ) {}

  /** Looks at the process; nothing happens when it has ended. */
  look(): void {
    const usage = usageOf(this.pid);
    const descriptors = descriptorsOf(this.pid);
    if (usage === null || descriptors === 0) return;
    this.cpuUs = usage.cpuUs;
    this.samples.push({ at: performance.now(), rssBytes: usage.rssBytes, descriptors });
  }
}

/** How many descriptors a process has open; 0 when it has ended. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** All with the same name together, in the order in which the names first came. */
export function byName<T extends { readonly name: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) groups.set(one.name, [...(groups.get(one.name) ?? []), one]);
  return groups;
}

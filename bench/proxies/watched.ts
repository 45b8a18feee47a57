import type { RunningRow } from "./row.js";
import { treeUsage } from "./process-tree.js";

const SAMPLE_MS = 200;

/** What the proxies of a row used during a measurement, all together. */
export interface Used {
  /** CPU time in µs. */
  readonly cpuUs: number;
  /** Of which in user space; known in steps of 10 ms. */
  readonly userUs: number;
  /** How often a thread went to sleep. */
  readonly sleeps: number;
}

/** Starts to watch the proxies of a row; the function that it gives tells what they used since. */
export function watchUsage({ pids }: RunningRow): () => Used {
  const before = pids.map(treeUsage);
  return () => {
    const after = pids.map(treeUsage);
    const grown = (what: keyof Used) =>
      after.reduce((sum, usage, index) => sum + usage[what] - (before[index]?.[what] ?? 0), 0);
    return { cpuUs: grown("cpuUs"), userUs: grown("userUs"), sleeps: grown("sleeps") };
  };
}

/** The memory of the largest of a row's proxies, in bytes. */
export function largestRss({ pids }: RunningRow): number {
  return Math.max(0, ...pids.map((pid) => treeUsage(pid).rssBytes));
}

/** Looks at that now and then; the function that it gives ends it, and tells the highest. */
export function watchMemory(row: RunningRow): () => number {
  let highest = 0;
  const look = () => (highest = Math.max(highest, largestRss(row)));
  const timer = setInterval(look, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    look();
    return highest;
  };
}

import { readFileSync, readdirSync } from "node:fs";
import { usageOf } from "../../src/bench/index.js";

/** What a process and its descendants have used and done until now. */
export interface TreeUsage {
  /** CPU time, user and system, in µs. */
  readonly cpuUs: number;
  /** CPU time in user space alone, in µs; known in steps of 10 ms. */
  readonly userUs: number;
  /** Resident memory in bytes. What several of them share is counted for each. */
  readonly rssBytes: number;
  /** How often a thread went to sleep, to be woken again. */
  readonly sleeps: number;
}

const TICK_US = 10_000;

/** What a process and its descendants have used; all zero when it has gone. */
export function treeUsage(root: number): TreeUsage {
  const pids = processTree(root);
  const sum = (of: (pid: number) => number) => pids.reduce((total, pid) => total + of(pid), 0);
  return {
    cpuUs: sum((pid) => usageOf(pid)?.cpuUs ?? 0),
    userUs: sum((pid) => (statTicks(pid)[0] ?? 0) * TICK_US),
    rssBytes: sum((pid) => usageOf(pid)?.rssBytes ?? 0),
    sleeps: sum(sleepsOf),
  };
}

/** CPU time in µs of a process, its descendants, and those of them that have ended; known in steps of 10 ms. */
export function cpuWithEnded(root: number): number {
  const ticks = processTree(root).flatMap(statTicks);
  return ticks.reduce((sum, count) => sum + count, 0) * TICK_US;
}

function processTree(root: number): number[] {
  return [root, ...childrenOf(root).flatMap(processTree)];
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function sleepsOf(pid: number): number {
  return threadsOf(pid)
    .map((thread) => read(`/proc/${pid}/task/${thread}/status`))
    .map((status) => Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0))
    .reduce((sum, count) => sum + count, 0);
}

/** User and system time, then the same of children that have ended and were waited for (proc(5)). */
function statTicks(pid: number): number[] {
  const stat = read(`/proc/${pid}/stat`);
  // The second field, the command's name in parentheses, may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).map(Number);
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Empty when the process has gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

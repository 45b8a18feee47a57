import { readdirSync, readFileSync } from "node:fs";

/** A process as /proc shows it. */
interface Entry {
  pid: number;
  parent: number;
  state: string;
}

function entryOf(pid: string): Entry[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in brackets, may contain anything.
    const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [{ pid: Number(pid), parent: Number(parent), state }];
  } catch {
    return [];
  }
}

/** Whether a process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  return entryOf(String(pid)).some(({ state }) => state !== "Z");
}

/** The process ids of every child of a process, and of theirs. */
export function descendants(pid: number): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(entryOf);
  const below = (parent: number): number[] =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry.pid, ...below(entry.pid)]);
  return below(pid);
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Program } from "../../src/process/index.js";

/** Where the backend, the load and this program run. */
export const LOAD_CORE = 0;
/** Where the measured proxies run, and nothing else of ours. */
export const PROXY_CORE = 1;

/** A program that runs on one core, and is asked to stop when we end, however we end. */
export function onCore(core: number, command: string, ...args: string[]): Pick<Program, "command" | "args"> {
  return {
    command: "setpriv",
    args: ["--pdeathsig", "TERM", "taskset", "--cpu-list", String(core), command, ...args],
  };
}

/** Moves a process that runs already, with all its threads. */
export async function moveTo(core: number, pid: number): Promise<void> {
  await promisify(execFile)("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(pid)]);
}

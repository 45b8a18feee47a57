import { readFileSync, readdirSync } from "node:fs";
import { globalAgent } from "node:http";
import { fetchPage, readSamples } from "../metrics/index.js";
import type { ProxyProcess } from "./target.js";

/** What a process has used. */
export interface Usage {
  /** CPU time of all its threads since it started, user and system, in microseconds. */
  readonly cpuUs: number;
  /** Resident memory in bytes. */
  readonly rssBytes: number;
}

/** Linux gives `stat`'s times in ticks of this length to every process, whatever the kernel's own clock (proc(5)). */
const TICK_US = 10_000;

/** What a process has used until now; null when the system has no /proc, or no such process. */
export function usageOf(pid: number): Usage | null {
  try {
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (resident === undefined) return null;
    return { cpuUs: cpuOfThreads(pid) ?? cpuInTicks(pid), rssBytes: Number(resident) * 1024 };
  } catch {
    return null;
  }
}

/** What a proxy has used until now; null when that cannot be read. */
export function usageOfProxy(proxy: ProxyProcess): Promise<Usage | null> {
  return typeof proxy === "number" ? Promise.resolve(usageOf(proxy)) : usageOnPage(proxy);
}

async function usageOnPage(address: string): Promise<Usage | null> {
  try {
    const samples = [...readSamples(await fetchPage(address, globalAgent, new AbortController().signal))];
    const figure = (name: string) => samples.find(({ id }) => id === name)?.value;
    const [seconds, rssBytes] = [
      figure("process_cpu_seconds_total"),
      figure("process_resident_memory_bytes"),
    ];
    return seconds === undefined || rssBytes === undefined ? null : { cpuUs: seconds * 1e6, rssBytes };
  } catch {
    return null;
  }
}

/** To the nanosecond, where the kernel keeps the scheduler's books (`schedstat`'s first field); null where it does not. */
function cpuOfThreads(pid: number): number | null {
  try {
    const nanoseconds = readdirSync(`/proc/${pid}/task`)
      .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]))
      .reduce((sum, time) => sum + time, 0);
    return nanoseconds / 1000;
  } catch {
    return null;
  }
}

function cpuInTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field, the command's name in parentheses, may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

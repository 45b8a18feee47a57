import { cpus, loadavg, release, totalmem, type } from "node:os";
import { formatBytes } from "../output/index.js";

/** Where a bench ran. */
export interface Machine {
  /** The CPU's model as the system names it. */
  readonly cpu: string;
  readonly cores: number;
  /** In bytes. */
  readonly memory: number;
  /** `Linux 6.18.0` */
  readonly kernel: string;
  /** `v20.20.2` */
  readonly node: string;
  /** How many processes wanted to run, on average over the minute before the bench began. */
  readonly load: number;
}

/** This machine, now. */
export function thisMachine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim().replace(/\s+/g, " ") ?? "unknown CPU",
    cores: cores.length,
    memory: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}

/** A machine in a few words: `AMD EPYC, 2 cores, 25.2GB of memory, Linux 6.18.0`. */
export const describeMachine = ({ cpu, cores, memory, kernel }: Machine): string =>
  `${cpu}, ${cores} cores, ${formatBytes(memory)} of memory, ${kernel}`;

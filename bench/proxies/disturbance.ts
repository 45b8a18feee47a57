import { readFileSync } from "node:fs";
import { cpuWithEnded } from "./process-tree.js";

/** What took the machine's time away from a measurement, in cores: 0.1 is a tenth of one core. */
export interface Disturbance {
  /** Programs that are not part of this comparison. */
  readonly others: number;
  /** What the host of a virtual machine gave to somebody else. */
  readonly stolen: number;
}

/** A measurement that lost more than this to others is called disturbed. */
export const DISTURBED_CORES = 0.05;

const TICK_US = 10_000;

/** Starts watching the machine; the function that it gives tells what went on since. */
export function watchMachine(): () => Disturbance {
  const before = now();
  return () => {
    const after = now();
    const elapsed = after.at - before.at;
    const share = (part: "busy" | "ours" | "stolen") => (after[part] - before[part]) / elapsed;
    return { others: Math.max(0, share("busy") - share("ours")), stolen: share("stolen") };
  };
}

/** Everything in µs. */
function now(): { at: number; busy: number; ours: number; stolen: number } {
  // user nice system idle iowait irq softirq steal (proc(5))
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync(
    "/proc/stat",
    "utf8",
  )
    .split("\n", 1)
    .join("")
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return {
    at: performance.now() * 1000,
    busy: (user + nice + system + irq + softirq) * TICK_US,
    ours: cpuWithEnded(process.pid),
    stolen: steal * TICK_US,
  };
}

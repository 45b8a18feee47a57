import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { LoadedProxy } from "./loaded-proxy.js";
import { lookingOn } from "./observer.js";
import { readStacks, type Frame } from "./stacks.js";

/** Not in step with anything that happens at round intervals. */
const SAMPLES_PER_SECOND = 499;
/** Of the stack that is kept with each sample, to unwind it afterwards. */
const STACK_BYTES = 48 * 1024;
const MAX_SCRIPT_BYTES = 1024 * 1024 * 1024;

/**
 * What a proxy does while it takes as many requests as it can. The samples are taken by the clock, as virtual machines seldom
 * have counters.
 */
export async function sample(proxy: LoadedProxy, seconds: number, file: string): Promise<Frame> {
  const graph = `--call-graph=dwarf,${STACK_BYTES}`;
  const rate = `--freq=${SAMPLES_PER_SECOND}`;
  await lookingOn(
    [
      "perf",
      "record",
      "--quiet",
      "--event=cpu-clock",
      rate,
      graph,
      `--output=${file}`,
      "--pid",
      String(proxy.pid),
    ],
    () => proxy.saturate(seconds),
  );
  const { stdout } = await promisify(execFile)(
    "perf",
    ["script", "--input", file, "--no-inline", "--fields=comm,ip,sym,symoff,dso"],
    { maxBuffer: MAX_SCRIPT_BYTES },
  );
  return readStacks(stdout);
}

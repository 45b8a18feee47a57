// Counts what our outbound proxy asks of the kernel, samples where its time goes, or follows the slowest requests through two sidecars. scripts/bench-profile.mjs installs what
// this needs, and starts it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { thisMachine } from "../../src/bench/index.js";
import { Failure, formatFailure, StatusLine } from "../../src/output/index.js";
import { takeSignals } from "../../src/process/index.js";
import { renderFlameGraph } from "./flame-graph.js";
import { type LoadedProxy, withLoadedProxy } from "./loaded-proxy.js";
import { sample } from "./samples.js";
import { atWork, type AtWork, type Frame } from "./stacks.js";
import { systemCalls } from "./system-calls.js";
import { measureTails, type TailSettings } from "./tail/measure.js";
import { renderTails } from "./tail/render.js";

const FLAME_GRAPH = "docs/flamegraph.svg";
const MOST_FUNCTIONS = 25;

const SUBJECTS = ["system-calls", "flame-graph", "tail"] as const;
type Subject = (typeof SUBJECTS)[number];

const USAGE = `npm run bench:profile -- ${SUBJECTS.join("|")}`;

/** What is measured, and for how long. */
interface Arguments {
  readonly subject: Subject;
  /** Of each measurement under load. */
  readonly seconds: number;
  /** How often the slowest requests are looked for. */
  readonly rounds: number;
}

/** Reads the arguments; wrong ones are a Failure with status 2. */
function readArguments(args: string[]): Arguments {
  try {
    const options = {
      seconds: { type: "string" },
      rounds: { type: "string", default: "3" },
    } as const;
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
    const subject = SUBJECTS.find((one) => one === positionals[0]);
    if (subject === undefined) throw new Error("nothing to measure is named");
    const { seconds = subject === "tail" ? "5" : "10", rounds } = values;
    return { subject, seconds: wholeNumber("--seconds", seconds), rounds: wholeNumber("--rounds", rounds) };
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), { hint: USAGE, exitStatus: 2 });
  }
}

function wholeNumber(flag: string, text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new Error(`${flag} ${text} cannot be taken`);
  return value;
}

async function main(): Promise<void> {
  const { subject, seconds, rounds } = readArguments(process.argv.slice(2));
  const interrupted = new AbortController();
  const release = takeSignals(() => interrupted.abort());
  const directory = await mkdtemp(join(tmpdir(), "mesh-bench-profile-"));
  try {
    const { signal } = interrupted;
    if (subject === "tail") {
      console.log(await tail({ seconds, rounds, directory, signal }));
      return;
    }
    const measure = (proxy: LoadedProxy) =>
      subject === "system-calls" ? systemCalls(proxy, seconds) : flameGraph(proxy, seconds, directory);
    console.log(await withLoadedProxy(directory, signal, measure));
  } finally {
    release();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Follows the slowest requests, and says where they were. */
async function tail(settings: Omit<TailSettings, "onStep">): Promise<string> {
  const machine = thisMachine();
  const line = new StatusLine();
  try {
    const found = await measureTails({ ...settings, onStep: (step) => line.show(step) });
    const { seconds, rounds } = settings;
    const command = `npm run bench:profile -- tail --seconds ${seconds} --rounds ${rounds}`;
    return renderTails(found, machine, command);
  } finally {
    line.clear();
  }
}

/** Writes the picture, and says in words what is in it. */
async function flameGraph(proxy: LoadedProxy, seconds: number, directory: string): Promise<string> {
  const frames = await sample(proxy, seconds, join(directory, "perf.data"));
  const title = "mesh-proxy, outbound, small requests as fast as they come";
  await writeFile(FLAME_GRAPH, renderFlameGraph(frames, title));
  return `${summary(frames)}\n\nThe picture: ${FLAME_GRAPH}`;
}

function summary(frames: Frame): string {
  const busy = atWork(frames);
  const user = busy.filter(({ isKernel }) => !isKernel);
  const share = (samples: number) => `${((samples / frames.samples) * 100).toFixed(1).padStart(5)} %`;
  const sum = (some: readonly AtWork[]) => some.reduce((total, { samples }) => total + samples, 0);
  const crates = [...new Set(user.map(({ name }) => crateOf(name)))];
  const byCrate = crates.map((crate) => ({
    crate,
    samples: sum(user.filter(({ name }) => crateOf(name) === crate)),
  }));
  byCrate.sort((one, other) => other.samples - one.samples);
  return [
    `${frames.samples} samples`,
    `${share(frames.samples - sum(user))}  kernel`,
    `${share(sum(user))}  user space, by crate:`,
    ...byCrate.map(({ crate, samples }) => `${share(samples)}    ${crate}`),
    `         and by function:`,
    ...user.slice(0, MOST_FUNCTIONS).map(({ name, samples }) => `${share(samples)}    ${name}`),
  ].join("\n");
}

/** What a function belongs to: names of Rust begin with their crate. */
function crateOf(name: string): string {
  return name.includes("::") ? (name.split("::")[0] ?? "") : "the C library";
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Failure ? formatFailure(error) : error);
  process.exitCode = error instanceof Failure ? error.exitStatus : 1;
}

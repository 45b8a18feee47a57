import { cpus } from "node:os";
import { thisMachine } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { startBackend } from "./backend.js";
import { LOAD_CORE, moveTo, PROXY_CORE } from "./cores.js";
import { CIRCUMSTANCES } from "./circumstances.js";
import { KINDS } from "./kinds.js";
import { type Mesh, PLAIN, startMesh } from "./mesh.js";
import { peerRows, type Programs } from "./peers.js";
import { reportOf, type Report } from "./report.js";
import { runRound, type Round } from "./round.js";
import type { Row } from "./row.js";
import type { Settings } from "./settings.js";
import { commit, versionOf } from "./versions.js";

/** What is to be compared, and how. */
export interface Comparison extends Omit<Settings, "envoy"> {
  readonly programs: Programs;
  /** How the report says that it was started. */
  readonly command: string;
  /** For everybody's files. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: string) => void;
}

/** Measures all proxies in turns. Nothing that it started is left when it ends. */
export async function compareProxies(comparison: Comparison): Promise<Report> {
  const { against, rounds, seconds, command, directory } = comparison;
  if (cpus().length < 2) {
    throw new Failure("this needs two cores: one for the load, and one for the measured proxy");
  }
  const began = new Date().toISOString();
  const machine = thisMachine();
  await moveTo(LOAD_CORE, process.pid);
  const meshes: Mesh[] = [];
  const backend = await startBackend(directory);
  try {
    for (const circumstances of against === "itself" ? CIRCUMSTANCES : [PLAIN]) {
      meshes.push(await startMesh(circumstances, directory, backend));
    }
    const others = against === "itself" ? [] : await peerRows(comparison.programs, directory, backend);
    const rows = [...others, ...meshes.map(({ row }) => row)];
    const titles = Object.fromEntries(rows.map(({ name, title }) => [name, title]));
    const { reference } = KINDS[against];
    const circumstances = {
      began,
      command,
      reference,
      machine,
      rounds,
      seconds,
      titles,
      tools: await tools(),
    };
    return reportOf(circumstances, await runRounds(rows, comparison));
  } finally {
    await Promise.all(meshes.map((mesh) => mesh.stop()));
    await backend.stop();
  }
}

/** Each round begins with another row, so that none is always the first to be measured. */
async function runRounds(rows: readonly Row[], comparison: Comparison): Promise<readonly Round[]> {
  const done: Round[] = [];
  for (let round = 0; round < comparison.rounds; round += 1) {
    const first = round % rows.length;
    const order = [...rows.slice(first), ...rows.slice(0, first)];
    const onStep = (step: string) => comparison.onStep(`round ${round + 1} of ${comparison.rounds}, ${step}`);
    const { steps } = KINDS[comparison.against];
    const wanted = steps.filter((step) => comparison.step === undefined || comparison.step === step);
    done.push(await runRound(order, { ...comparison, steps: wanted, onStep }));
  }
  return done;
}

async function tools(): Promise<string> {
  const [built = "unknown", wrk, h2load, nginx] = await Promise.all([
    commit(),
    versionOf("wrk", "-v"),
    versionOf("h2load", "--version"),
    versionOf("nginx", "-v"),
  ]);
  return `mesh at commit ${built}; load by wrk ${wrk} and h2load ${h2load}, backend nginx ${nginx}, cores ${LOAD_CORE} and ${PROXY_CORE}`;
}

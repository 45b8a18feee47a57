import { cpus } from "node:os";
import { thisMachine } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { startBackend } from "./backend.js";
import { LOAD_CORE, moveTo, PROXY_CORE } from "./cores.js";
import { KINDS } from "./kinds.js";
import type { Step } from "./measurement.js";
import { MEASUREMENTS } from "./measurements.js";
import type { Programs } from "./peers.js";
import { reportOf, type Report } from "./report.js";
import { runRound, type Round, type Stage } from "./round.js";
import type { Row } from "./row.js";
import type { Settings } from "./settings.js";
import { prepareStages, type Stages } from "./stages.js";
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
  const backend = await startBackend(directory);
  let prepared: Stages | undefined;
  try {
    const measurements = MEASUREMENTS.filter(({ step }) => isWanted(step, comparison));
    prepared = await prepareStages({ ...comparison, measurements, backend });
    const rows = prepared.stages.flatMap((stage) => stage.rows);
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
    return reportOf(circumstances, await runRounds(prepared.stages, comparison));
  } finally {
    await prepared?.stop();
    await backend.stop();
  }
}

function isWanted(step: Step, { against, step: only }: Comparison): boolean {
  return KINDS[against].steps.includes(step) && (only === undefined || only === step);
}

/** Each round begins with another row, so that none is always the first to be measured. */
async function runRounds(stages: readonly Stage[], comparison: Comparison): Promise<readonly Round[]> {
  const done: Round[] = [];
  for (let round = 0; round < comparison.rounds; round += 1) {
    const onStep = (step: string) => comparison.onStep(`round ${round + 1} of ${comparison.rounds}, ${step}`);
    const turned = stages.map((stage) => ({ ...stage, rows: turn(stage.rows, round) }));
    done.push(await runRound(turned, { ...comparison, onStep }));
  }
  return done;
}

function turn(rows: readonly Row[], by: number): readonly Row[] {
  const first = by % rows.length;
  return [...rows.slice(first), ...rows.slice(0, first)];
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

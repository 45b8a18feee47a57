// Compares our outbound proxy with those of others. scripts/bench-proxies.mjs installs what this needs, and starts it.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, formatFailure, StatusLine } from "../../src/output/index.js";
import { takeSignals } from "../../src/process/index.js";
import type { Bar } from "./bars.js";
import { compareProxies } from "./compare.js";
import { KINDS } from "./kinds.js";
import { floorProgram } from "./peers.js";
import { renderMarkdown, renderText } from "./render.js";
import type { Report } from "./report.js";
import { readSettings, type Settings } from "./settings.js";

/** Where the report is left, in three forms. */
const RESULTS = ".cache/bench-proxies";

/** What to type for the same. */
function commandOf({ against, rounds, seconds, step }: Omit<Settings, "envoy">): string {
  const words = `npm run bench:proxies -- --against ${against} --rounds ${rounds} --seconds ${seconds}`;
  return step === undefined ? words : `${words} --step ${step}`;
}

async function main(): Promise<void> {
  const { envoy, ...settings } = readSettings(process.argv.slice(2));
  const interrupted = new AbortController();
  const release = takeSignals(() => interrupted.abort());
  const directory = await mkdtemp(join(tmpdir(), "mesh-bench-proxies-"));
  const line = new StatusLine();
  try {
    const report = await compareProxies({
      ...settings,
      programs: { envoy, floor: floorProgram() },
      command: commandOf(settings),
      directory,
      signal: interrupted.signal,
      onStep: (step) => {
        interrupted.signal.throwIfAborted();
        line.show(step);
      },
    });
    line.clear();
    const bars = KINDS[settings.against].bars.filter(
      // What was not asked for is not missing.
      ({ measure }) => settings.step === undefined || measure(report) !== null,
    );
    await keep(report, bars);
    console.log(renderText(report, bars));
    console.log(`\nAs Markdown and JSON, with every round: ${RESULTS}/report.md, ${RESULTS}/report.json`);
  } catch (error) {
    throw interrupted.signal.aborted ? new Failure("interrupted") : error;
  } finally {
    line.clear();
    release();
    await rm(directory, { recursive: true, force: true });
  }
}

async function keep(report: Report, bars: readonly Bar[]): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, "report.md"), `${renderMarkdown(report, bars)}\n`);
  await writeFile(join(RESULTS, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  const failure = error instanceof Failure ? error : undefined;
  console.error(failure === undefined ? error : formatFailure(failure));
  process.exitCode = failure?.exitStatus ?? 1;
}

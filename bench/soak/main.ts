// Soaks a whole mesh in mixed traffic while its parts are killed: `npm run bench:soak -- --minutes N [--seed S] [--largest SIZE] [--wrong-byte] [--mtls]`.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { thisMachine } from "../../src/bench/index.js";
import { Failure, formatBytes, formatDuration, formatFailure, StatusLine } from "../../src/output/index.js";
import { takeSignals } from "../../src/process/index.js";
import { Journal } from "./journal.js";
import { renderReport } from "./report.js";
import { readSettings } from "./settings.js";
import { type Progress, soak } from "./soak.js";

/** Where the report and the journal are left. */
const RESULTS = ".cache/bench-soak";

async function main(): Promise<void> {
  const { minutes, seed, largest, wrongByte, mtls } = readSettings(process.argv.slice(2));
  const interrupted = new AbortController();
  const release = takeSignals(() => interrupted.abort());
  const directory = await mkdtemp(join(tmpdir(), "mesh-bench-soak-"));
  await mkdir(RESULTS, { recursive: true });
  const journal = new Journal(join(RESULTS, "journal.txt"));
  const line = new StatusLine();
  const command = `npm run bench:soak -- --minutes ${minutes} --seed ${seed} --largest ${formatBytes(largest)}${wrongByte ? " --wrong-byte" : ""}${mtls ? " --mtls" : ""}`;
  const machine = thisMachine();
  try {
    const { signal } = interrupted;
    const onProgress = (progress: Progress) => line.show(describe(progress));
    const result = await soak({
      seed,
      largest,
      wrongByte,
      mtls,
      durationMs: minutes * 60_000,
      directory,
      signal,
      onProgress,
      note: journal.note,
    });
    line.clear();
    const report = renderReport({ command, machine }, result);
    await writeFile(join(RESULTS, "report.md"), `${report}\n`);
    console.log(report);
    if (result.tally.violationCount > 0) process.exitCode = 1;
  } catch (error) {
    throw interrupted.signal.aborted ? new Failure("interrupted") : error;
  } finally {
    line.clear();
    release();
    await journal.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function describe({ leftMs, tally, faults }: Progress): string {
  const bytes = formatBytes(tally.sum("up") + tally.sum("down"));
  const left = formatDuration(Math.ceil(leftMs / 1_000));
  return `${left} left: ${tally.sum("begun")} requests, ${bytes}, ${faults} faults, ${tally.violationCount} violations`;
}

try {
  await main();
} catch (error) {
  const failure = error instanceof Failure ? error : undefined;
  console.error(failure === undefined ? error : formatFailure(failure));
  process.exitCode = failure?.exitStatus ?? 1;
}

// Measures the control plane against a real API server: `npm run bench:control-plane -- --pods N [--changes N] [--seconds N]`.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { thisMachine } from "../../src/bench/index.js";
import { Failure, formatFailure, StatusLine } from "../../src/output/index.js";
import { takeSignals } from "../../src/process/index.js";
import { ApiServer } from "./api-server.js";
import { measureControlPlane } from "./measure.js";
import { renderReport } from "./report.js";
import { readSettings } from "./settings.js";
import { measureWebhook } from "./webhook.js";

/** Where the report is left. */
const RESULTS = ".cache/bench-control-plane";

async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2));
  const { pods, changes, seconds } = settings;
  const machine = thisMachine();
  const line = new StatusLine();
  const folder = await mkdtemp(join(tmpdir(), "mesh-bench-control-plane-"));
  const interrupted = new Promise<never>((_, reject) => {
    takeSignals(() => reject(new Failure("interrupted")));
  });
  line.show("starting etcd and kube-apiserver");
  const server = await ApiServer.start(folder);
  try {
    const onStep = (step: string) => line.show(step);
    const figures = await Promise.race([interrupted, measureControlPlane(server, folder, settings, onStep)]);
    line.show("asking the webhook");
    const webhook = await Promise.race([interrupted, measureWebhook(server, seconds)]);
    line.clear();
    const command = `npm run bench:control-plane -- --pods ${pods} --changes ${changes} --seconds ${seconds}`;
    const report = renderReport({ command, machine, figures, webhook });
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, `${pods}.md`), `${report}\n`);
    console.log(report);
  } finally {
    line.clear();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

try {
  await main();
  process.exit();
} catch (error) {
  const failure = error instanceof Failure ? error : undefined;
  console.error(failure === undefined ? error : formatFailure(failure));
  process.exit(failure?.exitStatus ?? 1);
}

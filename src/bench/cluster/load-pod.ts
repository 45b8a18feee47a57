// What loads, and measures, in a bench in a cluster, as the program of a pod: node load-pod.js ORDER
import { fail, ok, type Result } from "../../result/index.js";
import { Failure } from "../../output/index.js";
import { thisMachine } from "../machine.js";
import { measureTargets } from "../measure.js";
import { type BenchReport, reportOn } from "../report.js";
import { demandSecured } from "../secured.js";
import { untilAnswered } from "../until-answered.js";
import type { PodMessage, PodOrder } from "./pod-message.js";
import { serverAdmin, targetsOf } from "./targets.js";

const ANSWERED_WITHIN_MS = 60_000;

const tell = (message: PodMessage) => console.log(JSON.stringify(message));

async function run({ bench, settings }: PodOrder): Promise<Result<BenchReport, Failure>> {
  const targets = targetsOf(bench, settings);
  const never = new AbortController().signal;
  const machine = thisMachine();
  try {
    for (const target of targets) await untilAnswered(target, ANSWERED_WITHIN_MS, never);
    await demandSecured(serverAdmin(bench));
  } catch (error) {
    return fail(error instanceof Failure ? error : new Failure(String(error)));
  }
  const measured = await measureTargets(targets, settings, (progress) => tell({ progress }), never);
  return measured.ok ? ok(reportOn(machine, settings, measured.value)) : measured;
}

process.on("SIGTERM", () => process.exit(0));
const result = await run(JSON.parse(process.argv[2] ?? "") as PodOrder);
tell(result.ok ? { report: result.value } : { failure: result.error.message });

import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../output/index.js";
import { type Check, type CheckResult, type Finding, unanswered } from "./check.js";

/** How long after a failure the same is looked at again. */
const AGAIN_AFTER_MS = 1_000;

/** For how long checks that fail are repeated. */
export interface Waiting {
  readonly milliseconds: number;
  /** Told each time that something is waited for. */
  readonly onWait: (waitedFor: CheckResult) => void;
  /** Called before a check is repeated: what was remembered is out of date. */
  readonly forget: () => void;
}

/** Runs checks one after the other and gives each result when it stands. Ends after an essential check that failed. */
export async function* runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  waiting: Waiting,
): AsyncGenerator<CheckResult, void> {
  const until = performance.now() + waiting.milliseconds;
  for (const check of checks) {
    const result = await settle(check, context, waiting, until);
    yield result;
    if (check.essential === true && result.finding.state === "failed") return;
  }
}

async function settle<Context>(
  check: Check<Context>,
  context: Context,
  { onWait, forget }: Waiting,
  until: number,
): Promise<CheckResult> {
  const { id, title } = check;
  for (;;) {
    const finding = await find(check, context);
    const result = { id, title, finding };
    const stays = finding.state !== "failed" || finding.lasting === true;
    if (stays || performance.now() + AGAIN_AFTER_MS > until) return result;
    onWait(result);
    await delay(AGAIN_AFTER_MS);
    forget();
  }
}

async function find<Context>(check: Check<Context>, context: Context): Promise<Finding> {
  try {
    return await check.run(context);
  } catch (error) {
    if (error instanceof Failure) return unanswered(error);
    throw error;
  }
}

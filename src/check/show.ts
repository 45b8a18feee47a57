import { Failure, type Printer, StatusLine } from "../output/index.js";
import type { Check, CheckResult } from "./check.js";
import { formatResult, formatResultsAsJson, formatSum } from "./report.js";
import { runChecks } from "./run.js";

/** How checks are run and shown. */
export interface CheckOptions {
  readonly output: "table" | "json";
  /** For how long checks that fail are repeated, in seconds. */
  readonly waitSeconds: number;
}

/**
 * Runs checks and prints each result when it stands, or all of them at the end as JSON.
 * @param forget called before a check is repeated
 * @throws Failure when one has failed
 */
export async function showChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  forget: () => void,
  { output, waitSeconds }: CheckOptions,
  printer: Printer,
): Promise<void> {
  const status = new StatusLine();
  const results: CheckResult[] = [];
  const waiting = {
    milliseconds: waitSeconds * 1000,
    onWait: ({ title, finding }: CheckResult) =>
      status.show(`waiting until ${title}: ${finding.detail ?? ""}`),
    forget,
  };
  for await (const result of runChecks(checks, context, waiting)) {
    status.clear();
    results.push(result);
    if (output === "table") printer.print(formatResult(result, printer.colours));
  }
  if (output === "json") printer.print(formatResultsAsJson(results));
  else printer.print(`\n${formatSum(results)}`);
  if (results.some(({ finding }) => finding.state === "failed"))
    throw new ChecksFailed(results.length < checks.length);
}

/** Some check has failed; what and why has been printed. */
export class ChecksFailed extends Failure {
  /** @param endedEarly whether checks were left out */
  constructor(endedEarly: boolean) {
    super(endedEarly ? "a check failed, and without it nothing more can be told" : "a check failed");
  }
}

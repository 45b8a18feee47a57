import { ClusterFailure } from "../kubernetes/index.js";
import type { Failure } from "../output/index.js";

/** What came out of a check. */
export type Finding =
  { readonly state: "passed"; /** What was found, in a few words. */ readonly detail?: string } | Trouble;

/** What is not as it should be. A warning leaves the mesh working. */
export interface Trouble {
  readonly state: "warning" | "failed";
  /** What was found, and where. */
  readonly detail: string;
  /** What to do about it. */
  readonly hint: string;
  /** It does not go away by itself, so that waiting for it is no use. */
  readonly lasting?: boolean;
}

/** One thing that must hold. `Context` is what it looks at. */
export interface Check<Context> {
  /** Its anchor in docs/check.md. */
  readonly id: string;
  /** What holds when it has passed: a sentence without a full stop. */
  readonly title: string;
  /** Nothing after it can be found out when it fails. */
  readonly essential?: boolean;
  /** Finds out. A question that is not answered is thrown, as a Failure. */
  run(context: Context): Promise<Finding>;
}

/** A check that was run. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly finding: Finding;
}

export const passed = (detail?: string): Finding =>
  detail === undefined ? { state: "passed" } : { state: "passed", detail };

/** What is wrong may mend itself. */
export const failed = (detail: string, hint: string): Trouble => ({ state: "failed", detail, hint });

/** What is wrong stays wrong until somebody does something. */
export const failedForGood = (detail: string, hint: string): Trouble => ({
  ...failed(detail, hint),
  lasting: true,
});

export const warned = (detail: string, hint: string): Trouble => ({ state: "warning", detail, hint });

/** A question that was not answered, as what came out of a check. One that this user may not ask says nothing about the mesh. */
export function unanswered(failure: Failure): Trouble {
  if (failure instanceof ClusterFailure && failure.kind === "forbidden") {
    return warned(`not checked, as ${failure.message}`, failure.hint ?? "as a cluster administrator");
  }
  return failed(failure.message, failure.hint ?? "again with --wait 60s");
}

/** Of what ends sooner a warning is given: a root is changed in steps, and a certificate that renews itself should have done so by then. */
export const WARN_BELOW_DAYS = 60;

import { type Colours, escapeControls, formatJson } from "../output/index.js";
import type { CheckResult } from "./check.js";
import { documentation } from "./documentation.js";

const SYMBOLS = { passed: "✓", warning: "‼", failed: "✗" } as const;

/** A result in a line; trouble in three: what to do, and where it is explained. */
export function formatResult({ id, title, finding }: CheckResult, colours: Colours): string {
  const paint = { passed: colours.green, warning: colours.yellow, failed: colours.red }[finding.state];
  const symbol = paint(SYMBOLS[finding.state]);
  if (finding.state === "passed") {
    return `${symbol} ${title}${finding.detail === undefined ? "" : colours.dim(` (${escapeControls(finding.detail)})`)}`;
  }
  return [
    `${symbol} ${title}: ${escapeControls(finding.detail)}`,
    `    try: ${escapeControls(finding.hint)}`,
    `    see: ${documentation(id)}`,
  ].join("\n");
}

/** How many results are in which state: `12 passed, 1 warning, 2 failed`. */
export function formatSum(results: readonly CheckResult[]): string {
  const { passed, warnings, failed } = sumOf(results);
  return [
    `${passed} passed`,
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`] : []),
    `${failed} failed`,
  ].join(", ");
}

/** The results for machines. */
export function formatResultsAsJson(results: readonly CheckResult[]): string {
  return formatJson({
    ...sumOf(results),
    checks: results.map(({ id, title, finding }) => ({
      id,
      title,
      state: finding.state,
      ...(finding.detail !== undefined && { detail: finding.detail }),
      ...(finding.state !== "passed" && { hint: finding.hint, documentation: documentation(id) }),
    })),
  });
}

function sumOf(results: readonly CheckResult[]) {
  const count = (state: CheckResult["finding"]["state"]) =>
    results.filter(({ finding }) => finding.state === state).length;
  return { passed: count("passed"), warnings: count("warning"), failed: count("failed") };
}

import { escapeControls, type Failure, formatFailure, formatJson } from "../output/index.js";
import type { EditedResource, Mistake } from "./edit.js";

/** What has become of an input. */
export interface EditedInput {
  /** As it was named, or found in a folder. */
  readonly name: string;
  readonly changed: boolean;
  readonly resources: readonly EditedResource[];
  /** Why nothing of it was given out. */
  readonly mistakes: readonly Mistake[];
  /** Why it could not be read or written. */
  readonly failure?: Failure;
}

/** The lines that tell a person what has become of an input. */
export function inputLines(input: EditedInput): string[] {
  return [
    ...input.resources.flatMap((resource) => resourceLines(resource, input.name)),
    ...errorLines(input),
  ];
}

/** The lines about what went wrong alone. */
export function errorLines({ name, mistakes, failure }: EditedInput): string[] {
  return [
    ...mistakes.map((mistake) => mistakeLines(mistake, name)),
    ...(failure ? [formatFailure(failure)] : []),
  ];
}

function resourceLines({ resource, outcome, reason, warnings }: EditedResource, name: string): string[] {
  const line = `${resource} ${outcome}${reason === undefined ? "" : `: ${reason}`}`;
  return [
    escapeControls(line),
    ...warnings.map((warning) =>
      escapeControls(`  warning: ${warning.message} (${name}:${warning.line}:${warning.column})`),
    ),
  ];
}

function mistakeLines({ line, column, message, hint, excerpt }: Mistake, name: string): string {
  const shown = excerpt.split("\n").map((part) => `  ${escapeControls(part)}`);
  const lines = [escapeControls(`error: ${name}:${line}:${column}: ${message}`), ...shown];
  return [...lines, ...(hint === undefined ? [] : [escapeControls(`try: ${hint}`)])].join("\n");
}

/** How many resources had each outcome, and how many inputs gave nothing: `2 injected, 1 skipped, 1 file failed`. */
export function sumLine(inputs: readonly EditedInput[], outcomes: readonly string[]): string {
  const { resources, warnings, failed } = sums(inputs, outcomes);
  const parts = Object.entries(resources).map(([outcome, count]) => `${count} ${outcome}`);
  if (warnings > 0) parts.push(`${warnings} ${warnings === 1 ? "warning" : "warnings"}`);
  if (failed > 0) parts.push(`${failed} ${failed === 1 ? "input" : "inputs"} failed`);
  return parts.join(", ");
}

/** The same for machines. */
export function jsonReport(inputs: readonly EditedInput[], outcomes: readonly string[]): string {
  return formatJson({
    inputs: inputs.map(({ name, changed, resources, mistakes, failure }) => ({
      name,
      changed,
      resources,
      errors: [
        ...mistakes.map(({ line, column, message, hint }) => ({ line, column, message, hint })),
        ...(failure ? [{ message: failure.message, hint: failure.hint }] : []),
      ],
    })),
    summary: sums(inputs, outcomes),
  });
}

function sums(inputs: readonly EditedInput[], outcomes: readonly string[]) {
  const all = inputs.flatMap(({ resources }) => resources);
  return {
    resources: Object.fromEntries(
      outcomes.map((outcome) => [outcome, all.filter((resource) => resource.outcome === outcome).length]),
    ),
    warnings: all.reduce((sum, { warnings }) => sum + warnings.length, 0),
    failed: inputs.filter(({ mistakes, failure }) => mistakes.length > 0 || failure).length,
  };
}

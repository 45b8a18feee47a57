import { resolveOptions } from "../inject/index.js";
import { Failure, formatFailure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { Installation } from "./installation.js";
import { sidecarOptions } from "./sidecar-options.js";
import { readValues, type ValueSources } from "./values/index.js";

/** What is to be installed, or everything that is wrong with the values. */
export function readInstallation(
  sources: ValueSources,
  version: string,
): Result<Installation, readonly string[]> {
  const read = readValues(sources);
  if (!read.ok) return read;
  const installation = { version, ...read.value };
  // The sidecar's own rules: ports that exist, no request above its limit.
  const options = resolveOptions([sidecarOptions(installation)], version);
  return options.ok ? ok(installation) : fail([options.error.message]);
}

/** Tells mistakes in values, a line each: all but the last by `note`, the last as what the command ends with. */
export function wrongValues(mistakes: readonly string[], note: (line: string) => void): Failure {
  const failures = mistakes.map((mistake) => new Failure(mistake, { exitStatus: 2 }));
  for (const failure of failures.slice(0, -1)) note(formatFailure(failure));
  return new Failure(mistakes.at(-1) ?? "", { exitStatus: 2, hint: HINT });
}

const HINT = "mesh install --show-values prints every value and what it is for";

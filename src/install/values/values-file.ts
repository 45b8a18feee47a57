import { readFileSync } from "node:fs";
import { type JsonObject, type Path, plainOf, readManifest, type Value } from "../../manifest/index.js";
import { mistakesIn } from "./mistakes.js";
import type { JsonSchema } from "./schema.js";

/** Values as a file gives them, or all that is wrong with the file: `values.yaml:3: …`. */
export type ReadValues = { values: JsonObject; mistakes: readonly [] } | { mistakes: readonly string[] };

/** Reads a file of values. */
export function readValuesFile(path: string, schema: JsonSchema): ReadValues {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return { mistakes: [`-f ${path}: ${reason(error)}`] };
  }
  try {
    return readValuesText(new TextDecoder("utf-8", { fatal: true }).decode(bytes), path, schema);
  } catch {
    return { mistakes: [`-f ${path}: not a text in UTF-8`] };
  }
}

/** Reads values from a text; `source` is what its mistakes name. */
export function readValuesText(text: string, source: string, schema: JsonSchema): ReadValues {
  const { documents, mistakes } = readManifest(text);
  if (mistakes.length > 0)
    return { mistakes: mistakes.map(({ line, message }) => `${source}:${line}: ${message}`) };
  const [document, second] = documents;
  if (second) return { mistakes: [`${source}:${second.line}: a second document; values are a single one`] };
  if (!document) return { values: {}, mistakes: [] };
  if (document.kind !== "map") {
    return {
      mistakes: [
        `${source}:${document.line}: expected a map of values, as mesh install --show-values prints`,
      ],
    };
  }
  const values = plainOf(document) as JsonObject;
  const wrong = mistakesIn(values, schema);
  if (wrong.length === 0) return { values, mistakes: [] };
  const placed = wrong.map(({ path, message }) => ({ line: lineOf(document, path), message }));
  placed.sort((a, b) => a.line - b.line);
  return { mistakes: placed.map(({ line, message }) => `${source}:${line}: ${message}`) };
}

/** The line of the value at a path, or of what is nearest above it. */
function lineOf(value: Value, [step, ...rest]: Path): number {
  if (step === undefined) return value.line;
  const inner =
    value.kind === "map"
      ? value.entries.get(String(step))
      : value.kind === "list"
        ? value.items[Number(step)]
        : undefined;
  return inner ? lineOf(inner, rest) : value.line;
}

function reason(error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file",
    EACCES: "may not be read",
    EISDIR: "is a directory; expected a file",
  };
  return words[code] ?? message;
}

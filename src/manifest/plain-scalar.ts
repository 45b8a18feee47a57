import { isMap, isScalar } from "yaml";
import { composeDocument } from "./schema.js";

type Plain = string | number | boolean | null;

/** Begins as no number and no other value that is no text does. */
const WORD = /^[A-Za-z_/]/;
/** Words of YAML 1.1 that mean something else than themselves. */
const TAKEN = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
const WHOLE = /^(?:0|[1-9][0-9]{0,14})$/;

const MOST_KEPT = 1_000;
const kept = new Map<string, Plain>();

/** What a plain scalar that stands on one line means; undefined where it is no such scalar. */
export function plainValue(text: string): Plain | undefined {
  if (WORD.test(text) && !TAKEN.test(text)) return text;
  if (WHOLE.test(text)) return Number(text);
  const known = kept.get(text);
  if (known !== undefined) return known;
  const value = parsedValue(text);
  if (kept.size >= MOST_KEPT) kept.clear();
  if (value !== undefined) kept.set(text, value);
  return value;
}

function parsedValue(text: string): Plain | undefined {
  const { contents, errors } = composeDocument(`a: ${text}`);
  const [pair, ...more] = isMap(contents) ? contents.items : [];
  const node = pair?.value;
  if (errors.length + more.length > 0 || !isScalar(node) || node.type !== "PLAIN" || node.source !== text)
    return undefined;
  const { value } = node;
  const isPlain = value === null || ["string", "number", "boolean"].includes(typeof value);
  return isPlain ? (value as Plain) : undefined;
}

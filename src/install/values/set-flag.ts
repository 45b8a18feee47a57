import {
  isArray,
  isObject,
  type Json,
  type JsonObject,
  type Path,
  showPath,
  valueAt,
} from "../../manifest/index.js";
import { fail, ok, type Result } from "../../result/index.js";
import { describe, unknownValue } from "./mistakes.js";
import type { JsonSchema } from "./schema.js";
import { overlay, schemaAt } from "./tree.js";

/**
 * Reads `--set PATH=VALUE`. The schema says whether VALUE is a text, a number, true or false, or a list (its items separated by
 * commas); `null` asks for the default. `.` separates keys, `[0]` is an item of a list, and `\` takes away a character's meaning.
 * @param words what follows --set
 * @param before the values so far, complete: an item of a list is set in the list that is there
 * @returns what is to be put over the values
 */
export function readSet(words: string, before: JsonObject, schema: JsonSchema): Result<JsonObject> {
  const [path, value] = splitAt(words, "=");
  if (value === undefined || path === "")
    return fail(`${words}: expected PATH=VALUE, as in --set controlPlane.replicas=2`);
  const steps = readPath(path);
  if (!steps)
    return fail(`${path}: not a path; expected names separated by dots, and [0] for an item of a list`);
  const known = knownSchema(steps, schema);
  if (!known.ok) return known;
  const misplaced = misplacedIndex(steps, before);
  if (misplaced !== undefined) return fail(misplaced);
  if (value === "null") return ok(treeWith(steps, null, before));
  const typed = readValue(value, steps, known.value);
  return typed.ok ? ok(treeWith(steps, typed.value, before)) : typed;
}

/** Splits at the first separator that has no `\` before it. */
function splitAt(text: string, separator: string): [before: string, after: string | undefined] {
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === separator) return [text.slice(0, i), text.slice(i + 1)];
  }
  return [text, undefined];
}

function splitAll(text: string, separator: string): string[] {
  const [before, after] = splitAt(text, separator);
  return after === undefined ? [before] : [before, ...splitAll(after, separator)];
}

const unescape = (text: string) => text.replace(/\\(.)/gs, "$1");

function readPath(path: string): Path | undefined {
  const steps: (string | number)[] = [];
  for (const part of splitAll(path, ".")) {
    const [, name = "", indexes = ""] = /^((?:\\.|[^\\[\]])*)((?:\[\d{1,6}\])*)$/s.exec(part) ?? [];
    if (name === "") return undefined;
    steps.push(unescape(name), ...[...indexes.matchAll(/\d+/g)].map(([index]) => Number(index)));
  }
  return steps;
}

function knownSchema(steps: Path, schema: JsonSchema): Result<JsonSchema> {
  for (let length = 1; length <= steps.length; length++) {
    const path = steps.slice(0, length);
    if (schemaAt(schema, path)) continue;
    const parent = schemaAt(schema, path.slice(0, -1));
    const at = showPath(path.slice(0, -1));
    if (typeof path.at(-1) === "number")
      return fail(`${at}: is ${parent?.expected ?? "no list"}, which has no [${path.at(-1) ?? ""}]`);
    if (parent?.properties) return fail(unknownValue(path, schema).message);
    const how = parent?.type === "array" ? `; its items are ${at}[0], ${at}[1] and so on` : "";
    return fail(`${showPath(path)}: no such value; ${at} is ${parent?.expected ?? "no map"}${how}`);
  }
  return ok(schemaAt(schema, steps) ?? schema);
}

/** A list grows by one item at a time. */
function misplacedIndex(steps: Path, before: JsonObject): string | undefined {
  const at = steps.findIndex((step) => typeof step === "number");
  if (at < 0) return undefined;
  const list = valueAt(before, steps.slice(0, at));
  const length = isArray(list) ? list.length : 0;
  if (Number(steps[at]) <= length) return undefined;
  return `${showPath(steps.slice(0, at + 1))}: the next item of the list is [${length}]`;
}

function readValue(value: string, path: Path, schema: JsonSchema): Result<Json> {
  const { type, expected, items } = schema;
  const wrong = () => fail(`${showPath(path)}: ${describe(value)} is not ${expected}`);
  switch (type) {
    case "boolean":
      return value === "true" || value === "false" ? ok(value === "true") : wrong();
    case "integer":
    case "number":
      return /^-?\d+(\.\d+)?$/.test(value) ? ok(Number(value)) : wrong();
    case "array":
      if (items?.type !== "string")
        return fail(`${showPath(path)}: a list of maps; set ${showPath([...path, 0])} and so on`);
      return ok(value === "" ? [] : splitAll(value, ",").map(unescape));
    case "object": {
      const [key = "KEY"] = Object.keys(schema.properties ?? {});
      return fail(`${showPath(path)}: is a map; set what is in it, as in ${showPath(path)}.${key}=…`);
    }
    default:
      return ok(value);
  }
}

/** A tree with the value at the path. Lists on the way are copied from what was there before. */
function treeWith(path: Path, value: Json, before: Json | undefined): JsonObject {
  return grow(path, value, before) as JsonObject;
}

function grow([step, ...rest]: Path, value: Json, before: Json | undefined): Json {
  if (step === undefined) return value;
  const below = before === undefined ? undefined : valueAt(before, [step]);
  const inner = grow(rest, value, below);
  if (typeof step === "string") return { [step]: inner };
  const list = isArray(before) ? [...before] : [];
  if (inner === null) list.splice(step, 1);
  else list[step] = isObject(inner) && isObject(below) ? overlay(below, inner) : inner;
  return list;
}

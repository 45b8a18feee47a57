import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { isObject, type Json, type JsonObject, type Path, showPath, valueAt } from "../../manifest/index.js";
import { nearest } from "../../output/index.js";
import type { JsonSchema } from "./schema.js";
import { schemaAt } from "./tree.js";

/** Something wrong in values that were given. */
export interface ValueMistake {
  readonly path: Path;
  /** `proxy.resources.limits.memory: "10Mb" is not a quantity; did you mean 10M or 10Mi?` */
  readonly message: string;
}

/** What is wrong in values that were given, which may be incomplete. A null, which asks for the default, is right everywhere. */
export function mistakesIn(given: JsonObject, schema: JsonSchema): ValueMistake[] {
  const validate = compiled(schema);
  if (validate(given)) return [];
  const found = (validate.errors ?? []).map((error) => mistakeOf(error, given, schema));
  const mistakes = found.filter(({ path }) => !isDefaultAskedFor(given, path, schema));
  return [...new Map(mistakes.map((mistake) => [mistake.message, mistake])).values()];
}

const validators = new WeakMap<JsonSchema, ValidateFunction>();

/** Compiling takes far longer than checking. */
function compiled(schema: JsonSchema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
  ajv.addVocabulary(["expected"]);
  const validate = ajv.compile(schema);
  validators.set(schema, validate);
  return validate;
}

function isDefaultAskedFor(given: JsonObject, path: Path, schema: JsonSchema): boolean {
  const inList = path.some((step) => typeof step === "number");
  return !inList && valueAt(given, path) === null && schemaAt(schema, path) !== undefined;
}

function mistakeOf(error: ErrorObject, given: JsonObject, schema: JsonSchema): ValueMistake {
  const at = stepsOf(error.instancePath, given);
  if (error.keyword === "additionalProperties") {
    const { additionalProperty } = error.params as { additionalProperty: string };
    return unknownValue([...at, additionalProperty], schema);
  }
  const expected = schemaAt(schema, at) ?? schema;
  const found = valueAt(given, at) ?? null;
  const meant = suggestion(found, expected);
  const did = meant === undefined ? "" : `; did you mean ${meant}?`;
  const message = `${showPath(at) || "the document"}: ${describe(found)} is not ${expected.expected}${did}`;
  return { path: at, message };
}

/** A path at which the schema has nothing, with the nearest one at which it has something. */
export function unknownValue(path: Path, schema: JsonSchema): ValueMistake {
  const parent = path.slice(0, -1);
  const known = Object.keys(schemaAt(schema, parent)?.properties ?? {});
  const word = String(path.at(-1));
  const meant = nearest(word, known);
  const elsewhere = meant === undefined ? pathsEndingIn(word, schema)[0] : [...parent, meant];
  const advice = elsewhere ? `did you mean ${showPath(elsewhere)}?` : `known here: ${known.join(", ")}`;
  return { path, message: `${showPath(path)}: no such value; ${advice}` };
}

function pathsEndingIn(word: string, { properties = {} }: JsonSchema, at: Path = []): Path[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const path = [...at, key];
    return [...(key === word ? [path] : []), ...pathsEndingIn(word, schema, path)];
  });
}

/** The steps of a JSON pointer (RFC 6901) into a value. */
function stepsOf(pointer: string, value: Json): Path {
  const steps: (string | number)[] = [];
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    steps.push(Array.isArray(valueAt(value, steps)) ? Number(key) : key);
  }
  return steps;
}

/** A value as a message shows it. */
export function describe(value: Json): string {
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "a map";
  return value === null ? "nothing" : JSON.stringify(value);
}

/** What was probably meant, by what was written. */
function suggestion(found: Json, { enum: words, pattern = "", type }: JsonSchema): string | undefined {
  if (typeof found === "object") return undefined;
  const text = String(found);
  switch (type) {
    case "boolean":
      return likeBoolean(text);
    case "integer":
    case "number":
      return typeof found === "string" && /^\d+(\.\d+)?$/.test(text) ? `${text}, without quotes` : undefined;
    case "string":
      if (typeof found !== "string") return `"${text}", in quotes`;
      return words ? nearest(text, words) : inLowerCase(text, pattern);
    default:
      return typeof found === "string" ? similarQuantity(text, new RegExp(pattern)) : undefined;
  }
}

function inLowerCase(text: string, pattern: string): string | undefined {
  const lower = text.toLowerCase();
  return pattern !== "" && new RegExp(pattern, "u").test(lower) ? lower : undefined;
}

function likeBoolean(text: string): string | undefined {
  if (/^(y|yes|on|true|1)$/i.test(text)) return "true";
  return /^(n|no|off|false|0)$/i.test(text) ? "false" : undefined;
}

/** `10Mb` may be 10M or 10Mi, `2 GB` 2G or 2Gi, `0,5` 0.5. */
function similarQuantity(text: string, pattern: RegExp): string | undefined {
  const [, amount = "", letter = ""] = /^\s*([\d.,]+)\s*([a-z]?)[a-z]*\s*$/i.exec(text) ?? [];
  const number = amount.replace(",", ".");
  const unit = letter.toUpperCase();
  const candidates =
    "KMGTPE".includes(unit) && unit !== ""
      ? [number + (unit === "K" ? "k" : unit), `${number}${unit}i`]
      : [number];
  const valid = candidates.filter((candidate) => candidate !== "" && pattern.test(candidate));
  return valid.length === 0 ? undefined : valid.join(" or ");
}

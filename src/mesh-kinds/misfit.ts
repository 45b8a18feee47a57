import { describe, type Mistake, type Value } from "../manifest/index.js";
import type { Schema } from "./schema.js";

type MapValue = Value & { kind: "map" };
type ListValue = Value & { kind: "list" };
type ScalarValue = Value & { kind: "scalar" };

/**
 * Where a value does not fit its schema, as the API server would say of it; also fields that the schema does not have.
 * @param path of the value, for the messages: `spec`, `spec.from[0]`
 */
export function misfits(value: Value, schema: Schema, path: string): Mistake[] {
  if (schema.type === "object") {
    return value.kind === "map" ? mapMisfits(value, schema, path) : [wrong(value, path, "a map")];
  }
  if (schema.type === "array") {
    return value.kind === "list" ? listMisfits(value, schema, path) : [wrong(value, path, "a list")];
  }
  const expected = value.kind === "scalar" ? scalarMisfit(value, schema) : NAMES[schema.type];
  return expected === undefined ? [] : [wrong(value, path, expected)];
}

const NAMES = { string: "a string", integer: "a whole number", boolean: "true or false" } as const;

const wrong = (value: Value, path: string, expected: string): Mistake => ({
  line: value.line,
  message: `${path}: found ${describe(value)}; expected ${expected}`,
});

function mapMisfits(value: MapValue, schema: Schema, path: string): Mistake[] {
  const { properties = {}, additionalProperties, required = [], minProperties = 0, maxProperties } = schema;
  const mistakes = required
    .filter((key) => isMissing(value.entries.get(key)))
    .map((key) => ({ line: value.line, message: `${path}: found no ${key}; expected one` }));
  for (const [key, inner] of value.entries) {
    const known = properties[key] ?? additionalProperties;
    if (!known) {
      const expected = Object.keys(properties).join(", ");
      mistakes.push({ line: inner.line, message: `${path}.${key}: no such field; expected ${expected}` });
    } else if (!isMissing(inner)) mistakes.push(...misfits(inner, known, `${path}.${key}`));
  }
  if (value.entries.size < minProperties) {
    const which = Object.keys(properties).join(", ");
    mistakes.push(wrong(value, path, which === "" ? "at least one entry" : `at least one of ${which}`));
  }
  if (maxProperties !== undefined && value.entries.size > maxProperties)
    mistakes.push(tooMany(value, path, value.entries.size, maxProperties));
  return mistakes;
}

const isMissing = (value: Value | undefined) =>
  value === undefined || (value.kind === "scalar" && value.value === null);

function listMisfits(value: ListValue, schema: Schema, path: string): Mistake[] {
  const { items, minItems = 0, maxItems } = schema;
  if (value.items.length < minItems) {
    return [{ line: value.line, message: `${path}: found an empty list; expected at least one item` }];
  }
  if (maxItems !== undefined && value.items.length > maxItems)
    return [tooMany(value, path, value.items.length, maxItems)];
  const seen = new Set<unknown>();
  return value.items.flatMap((item, index) => {
    const place = `${path}[${index}]`;
    const isSecond =
      schema["x-kubernetes-list-type"] === "set" && item.kind === "scalar" && seen.has(item.value);
    if (item.kind === "scalar") seen.add(item.value);
    if (isSecond) return [wrong(item, place, "each item once")];
    return items ? misfits(item, items, place) : [];
  });
}

const tooMany = (value: Value, path: string, found: number, most: number): Mistake => ({
  line: value.line,
  message: `${path}: found ${found} items; expected ${most} at most`,
});

/** What is expected instead; undefined when it is right. */
function scalarMisfit({ value }: ScalarValue, schema: Schema): string | undefined {
  if (schema.type === "boolean") return typeof value === "boolean" ? undefined : NAMES.boolean;
  if (schema.type === "integer") {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    const isRight =
      typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum;
    return isRight ? undefined : `a whole number from ${minimum} to ${maximum}`;
  }
  if (schema.enum)
    return schema.enum.some((one) => one === value) ? undefined : `one of ${schema.enum.join(", ")}`;
  if (typeof value !== "string") return "a string (in quotes where it looks like something else)";
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  if (value.length < minLength) return "a string that is not empty";
  if (value.length > maxLength) return `a string of ${maxLength} characters at most`;
  return pattern === undefined || new RegExp(pattern, "u").test(value)
    ? undefined
    : `a string like ${pattern}`;
}

import { isObject, type JsonObject, type Path } from "../../manifest/index.js";
import type { JsonSchema } from "./schema.js";

/** Puts values over others: maps are merged key by key, everything else is replaced, and null takes away. */
export function overlay(base: JsonObject, over: JsonObject): JsonObject {
  return merge(base, over, (merged, key) => merged.delete(key));
}

/** Puts what was given later over what was given before. Nulls stay, for they count against the defaults as well. */
export function overlayGiven(before: JsonObject, after: JsonObject): JsonObject {
  return merge(before, after, (merged, key) => merged.set(key, null));
}

function merge(
  base: JsonObject,
  over: JsonObject,
  takeAway: (merged: Map<string, JsonObject[string]>, key: string) => void,
): JsonObject {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key);
    if (value === null) takeAway(merged, key);
    else if (isObject(value)) merged.set(key, merge(isObject(below) ? below : {}, value, takeAway));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** What the schema says of the value at a path; undefined when there can be none. */
export function schemaAt(schema: JsonSchema, path: Path): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((found, step) => {
    if (typeof step === "number") return found?.items;
    const { properties = {}, additionalProperties } = found ?? {};
    if (Object.hasOwn(properties, step)) return properties[step];
    return additionalProperties === false ? undefined : additionalProperties;
  }, schema);
}

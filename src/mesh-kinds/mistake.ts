import { isArray, isObject, type Json, type JsonObject } from "../manifest/index.js";

/** Something that a resource says and cannot mean. */
export interface FieldMistake {
  /** `spec.from[0].cidrs[1]` */
  readonly field: string;
  readonly message: string;
}

/** What is wrong with a resource of one kind, beyond what the kind's schema refuses. Fields may be missing. */
export type KindRule = (spec: JsonObject) => FieldMistake[];

/** The objects of a list, each with its place. */
export function objectsIn(value: Json | undefined, field: string): [item: JsonObject, field: string][] {
  return itemsIn(value, field).filter((entry): entry is [JsonObject, string] => isObject(entry[0]));
}

/** The texts of a list, each with its place. */
export function textsIn(value: Json | undefined, field: string): [text: string, field: string][] {
  return itemsIn(value, field).filter((entry): entry is [string, string] => typeof entry[0] === "string");
}

function itemsIn(value: Json | undefined, field: string): [Json, string][] {
  return isArray(value) ? value.map((item, index) => [item, `${field}[${index}]`]) : [];
}

/** The mapping at a key; an empty one when there is none. */
export function mappingAt(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return isObject(found) ? found : {};
}

import type { Removal } from "./change.js";
import { isArray, isObject, valueAt, type Json, type JsonObject, type Path } from "./json.js";
import { pointerTo, readRecord } from "./record.js";

/** What removals come to, all together, in a value. */
export type NetCut = MapCut | SequenceCut | Emptied;

export interface MapCut {
  readonly kind: "map";
  readonly gone: Set<string>;
  readonly within: Map<string, NetCut>;
}

export interface SequenceCut {
  readonly kind: "sequence";
  readonly gone: Set<number>;
  readonly within: Map<number, NetCut>;
}

/** Nothing of a mapping or sequence is left, and what was there before it said nothing: null, `[]` or `{}`. */
export interface Emptied {
  readonly kind: "emptied";
  readonly before: Json;
}

/** `value` without what removals name, as an object that stands alone. What was empty before is so again. */
export function withoutParts(value: JsonObject, removals: readonly Removal[]): JsonObject {
  const net = netCutOf(value, [{ value, path: [], removals }], () => undefined);
  return net ? (cutValue(value, net) as JsonObject) : value;
}

/** Removals from an object that stands somewhere in a document. */
export interface Removals {
  readonly value: JsonObject;
  readonly path: Path;
  readonly removals: readonly Removal[];
}

/** What removals from objects in `root` come to; undefined where there is nothing to remove. */
export function netCutOf(root: Json, objects: readonly Removals[], written: Before): NetCut | undefined {
  const records = new Map<string, Json>();
  let cut: NetCut | undefined;
  for (const object of objects) {
    for (const removal of object.removals) {
      const path = [...object.path, ...removal.path];
      if (removal.kind === "record") {
        const record = readRecord(valueAt(object.value, [...removal.path, removal.key]));
        for (const [pointer, was] of record) records.set(pointerTo(object.path) + pointer, was);
        cut = extendCut(root, cut, path, { kind: "entry", path, key: removal.key });
      } else cut = extendCut(root, cut, path, removal);
    }
  }
  const net = cut && collapse(root, cut, [], (path) => written(path) ?? records.get(pointerTo(path)));
  return net === "gone" ? undefined : net;
}

/** `cut`, and the entry or items that `removal` names, in `value`. */
function extendCut(
  value: Json | undefined,
  cut: NetCut | undefined,
  rest: Path,
  removal: Exclude<Removal, { kind: "record" }>,
): NetCut | undefined {
  const [step, ...further] = rest;
  if (isObject(value) && typeof step !== "number") {
    const map =
      cut?.kind === "map" ? cut : { kind: "map" as const, gone: new Set<string>(), within: new Map() };
    if (step !== undefined) return extendWithin(map, step, value[step], further, removal);
    if (removal.kind === "entry" && Object.hasOwn(value, removal.key)) map.gone.add(removal.key);
    return map;
  }
  if (isArray(value) && typeof step !== "string") {
    const sequence =
      cut?.kind === "sequence"
        ? cut
        : { kind: "sequence" as const, gone: new Set<number>(), within: new Map<number, NetCut>() };
    if (step !== undefined) return extendWithin(sequence, step, value[step], further, removal);
    value.forEach((item, i) => {
      if (removal.kind === "item" && isObject(item) && item["name"] === removal.name) sequence.gone.add(i);
    });
    return sequence;
  }
  return cut;
}

function extendWithin<K extends string | number, C extends { readonly within: Map<K, NetCut> }>(
  cut: C,
  step: K,
  value: Json | undefined,
  further: Path,
  removal: Exclude<Removal, { kind: "record" }>,
): C {
  const inner = extendCut(value, cut.within.get(step), further, removal);
  if (inner) cut.within.set(step, inner);
  return cut;
}

/** What stood somewhere before it was filled; undefined where nothing did. */
export type Before = (path: Path) => Json | undefined;

/** A cut with what has nothing left: gone too, or emptied where there was something before. */
function collapse(value: Json, cut: NetCut, path: Path, before: Before): NetCut | "gone" {
  if (cut.kind === "emptied") return cut;
  const keys = isArray(value) ? value.map((_, i) => i) : Object.keys(value as JsonObject);
  const gone = cut.gone as Set<string | number>;
  const within = cut.within as Map<string | number, NetCut>;
  for (const [key, inner] of [...within]) {
    if (gone.has(key)) within.delete(key);
    else {
      const after = collapse(
        (value as Record<string | number, Json>)[key] ?? null,
        inner,
        [...path, key],
        before,
      );
      if (after === "gone") {
        within.delete(key);
        gone.add(key);
      } else within.set(key, after);
    }
  }
  if (gone.size === 0 || gone.size < keys.length) return cut;
  const old = before(path);
  return old === undefined ? "gone" : { kind: "emptied", before: old };
}

/** The value after `cut`. */
export function cutValue(value: Json, cut: NetCut): Json {
  switch (cut.kind) {
    case "emptied":
      return cut.before;
    case "map":
      return Object.fromEntries(
        Object.entries(value as JsonObject)
          .filter(([key]) => !cut.gone.has(key))
          .map(([key, inner]) => [key, within(inner, cut.within.get(key))]),
      );
    case "sequence":
      return (value as readonly Json[]).flatMap((item, i) =>
        cut.gone.has(i) ? [] : [within(item, cut.within.get(i))],
      );
  }
}

const within = (value: Json, cut: NetCut | undefined): Json => (cut ? cutValue(value, cut) : value);

import type { Removal } from "./change.js";
import { isArray, isObject, type Json, type JsonObject, type Path } from "./json.js";

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

/** `cut`, and the entry or items that `removal` names, in `value`. */
export function extendCut(
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
export function collapse(value: Json, cut: NetCut, path: Path, before: Before): NetCut | "gone" {
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

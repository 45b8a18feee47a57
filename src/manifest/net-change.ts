import type { Addition } from "./change.js";
import { isArray, isEmpty, isObject, showPath, type Json, type JsonObject, type Path } from "./json.js";

/** What additions come to, all together, in a value that is there already. */
export type NetChange = MapChange | SequenceChange | Fill;

export interface MapChange {
  readonly kind: "map";
  /** New entries, in their order. */
  readonly added: Map<string, Json>;
  /** Changes in values that were there. */
  readonly within: Map<string, NetChange>;
}

export interface SequenceChange {
  readonly kind: "sequence";
  /** New items before the first, in their order. */
  front: Json[];
  /** New items behind the last. */
  back: Json[];
  /** Changes in items that were there, by their index before. */
  readonly within: Map<number, NetChange>;
}

/** Something in the place of what said nothing: null, `[]` or `{}`. */
export interface Fill {
  readonly kind: "fill";
  readonly value: Json;
}

/** An addition that its object has no room for. */
export class Misfit extends Error {
  constructor(
    readonly path: Path,
    message: string,
  ) {
    super(message);
  }
}

/** `change`, and `addition` after it, in the value `old`. Throws Misfit. */
export function extend(old: Json, change: NetChange | undefined, addition: Addition): NetChange {
  return extendAt(old, change, addition.path, addition);
}

function extendAt(old: Json, change: NetChange | undefined, rest: Path, addition: Addition): NetChange {
  if (isEmpty(old)) {
    const value = addTo(change?.kind === "fill" ? change.value : old, rest, addition);
    return { kind: "fill", value };
  }
  if (isObject(old)) {
    return extendMap(old, change?.kind === "map" ? change : undefined, rest, addition);
  }
  if (isArray(old)) {
    return extendSequence(old, change?.kind === "sequence" ? change : undefined, rest, addition);
  }
  throw misfit(old, rest, addition);
}

function extendMap(
  old: JsonObject,
  change: MapChange = { kind: "map", added: new Map(), within: new Map() },
  rest: Path,
  addition: Addition,
): MapChange {
  const [step, ...further] = rest;
  if (step === undefined) {
    if (addition.kind !== "entry" || Object.hasOwn(old, addition.key) || change.added.has(addition.key)) {
      throw misfit(old, rest, addition);
    }
    change.added.set(addition.key, addition.value);
  } else if (typeof step === "number") {
    throw misfit(old, rest, addition);
  } else if (Object.hasOwn(old, step)) {
    change.within.set(step, extendAt(old[step] ?? null, change.within.get(step), further, addition));
  } else {
    change.added.set(step, addTo(change.added.get(step) ?? null, further, addition));
  }
  return change;
}

function extendSequence(
  old: readonly Json[],
  change: SequenceChange = { kind: "sequence", front: [], back: [], within: new Map() },
  rest: Path,
  addition: Addition,
): SequenceChange {
  const [step, ...further] = rest;
  if (step === undefined) {
    if (addition.kind !== "item") throw misfit(old, rest, addition);
    if (addition.at === "start") change.front.unshift(addition.value);
    else change.back.push(addition.value);
    return change;
  }
  if (typeof step !== "number") throw misfit(old, rest, addition);
  const index = step - change.front.length;
  if (index < 0) change.front[step] = addTo(change.front[step] ?? null, further, addition);
  else if (index < old.length) {
    change.within.set(index, extendAt(old[index] ?? null, change.within.get(index), further, addition));
  } else if (index - old.length < change.back.length) {
    const place = index - old.length;
    change.back[place] = addTo(change.back[place] ?? null, further, addition);
  } else throw misfit(undefined, rest, addition);
  return change;
}

/** `addition` in a value that is new itself. */
function addTo(value: Json, rest: Path, addition: Addition): Json {
  const [step, ...further] = rest;
  if (step === undefined) {
    if (addition.kind === "item" && (value === null || isArray(value))) {
      return addition.at === "start"
        ? [addition.value, ...(value ?? [])]
        : [...(value ?? []), addition.value];
    }
    if (
      addition.kind === "entry" &&
      (value === null || isObject(value)) &&
      !Object.hasOwn(value ?? {}, addition.key)
    ) {
      return { ...value, [addition.key]: addition.value };
    }
  } else if (typeof step === "string" && (value === null || isObject(value))) {
    return { ...value, [step]: addTo(value?.[step] ?? null, further, addition) };
  } else if (typeof step === "number" && isArray(value) && step < value.length) {
    return value.with(step, addTo(value[step] ?? null, further, addition));
  }
  throw misfit(value, rest, addition);
}

/** The value after `change`. */
export function changed(old: Json, change: NetChange): Json {
  switch (change.kind) {
    case "fill":
      return change.value;
    case "map": {
      const value: Record<string, Json> = { ...(old as JsonObject) };
      for (const [key, inner] of change.within) value[key] = changed(value[key] ?? null, inner);
      for (const [key, added] of change.added) value[key] = added;
      return value;
    }
    case "sequence": {
      const items = (old as readonly Json[]).map((item, i) => {
        const inner = change.within.get(i);
        return inner ? changed(item, inner) : item;
      });
      return [...change.front, ...items, ...change.back];
    }
  }
}

function misfit(found: Json | undefined, rest: Path, addition: Addition): Misfit {
  const path = addition.path.slice(0, addition.path.length - rest.length);
  const step = rest[0];
  if (found === undefined) return new Misfit(path, `${showPath(path)} has no item ${step ?? ""}`);
  if (isObject(found) && step === undefined && addition.kind === "entry") {
    return new Misfit([...path, addition.key], `${showPath([...path, addition.key])} is there already`);
  }
  const wanted =
    typeof step === "number" || (step === undefined && addition.kind === "item") ? "sequence" : "mapping";
  const shown = isArray(found) ? "a sequence" : isObject(found) ? "a mapping" : JSON.stringify(found);
  return new Misfit(path, `found ${shown} at ${showPath(path)}; expected a ${wanted}`);
}

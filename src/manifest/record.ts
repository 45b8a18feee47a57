import type { Addition } from "./change.js";
import { isEmpty, isObject, valueAt, type Json, type JsonObject, type Path } from "./json.js";
import { extend, Misfit, type NetChange } from "./net-change.js";

/**
 * `additions` to the object `value`, and where they fill what said nothing before (null, `[]`, `{}`) one entry more,
 * `key` in the mapping at `path` (an annotation): it says what was there, so that a removal of kind "record" can bring it
 * back. Its text is JSON: `{"/spec/template/spec/initContainers":[]}`, the places as JSON pointers (RFC 6901).
 * Additions that the object has no room for stay as they are: who applies them is told.
 */
export function withRecord(
  value: JsonObject,
  additions: readonly Addition[],
  { path, key }: { readonly path: Path; readonly key: string },
): readonly Addition[] {
  const entry = (text: string): Addition => ({ kind: "entry", path, key, value: text });
  try {
    if (filled(value, additions).size === 0) return additions;
    const all = filled(value, [...additions, entry("")]);
    return [...additions, entry(JSON.stringify(Object.fromEntries(all)))];
  } catch (error) {
    if (error instanceof Misfit) return additions;
    throw error;
  }
}

/** What additions fill, by JSON pointer into the object after them. */
function filled(value: JsonObject, additions: readonly Addition[]): Map<string, Json> {
  let change: NetChange | undefined;
  for (const addition of additions) change = extend(value, change, addition);
  const found = new Map<string, Json>();
  const visit = (old: Json, inner: NetChange, path: Path): void => {
    if (inner.kind === "fill") found.set(pointerTo(path), old);
    else if (inner.kind === "map") {
      for (const [key, next] of inner.within) visit(valueAt(old, [key]) ?? null, next, [...path, key]);
    } else {
      for (const [index, next] of inner.within) {
        visit(valueAt(old, [index]) ?? null, next, [...path, index + inner.front.length]);
      }
    }
  };
  if (change) visit(value, change, []);
  return found;
}

/** What a record says; nothing where it is none. */
export function readRecord(text: Json | undefined): ReadonlyMap<string, Json> {
  if (typeof text !== "string") return new Map();
  try {
    const record = JSON.parse(text) as Json;
    return new Map(isObject(record) ? Object.entries(record).filter(([, was]) => isEmpty(was)) : []);
  } catch {
    return new Map();
  }
}

/** `path` as a JSON pointer (RFC 6901). */
export const pointerTo = (path: Path): string =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

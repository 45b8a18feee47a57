import { parse } from "./parse.js";
import { equalJson, isArray, type Json } from "./json.js";
import type { NetChange } from "./net-change.js";
import { blockValue, isNested, type BlockStyle, type Nested } from "./print.js";
import { isRefusal } from "./refusal.js";
import { Source } from "./source.js";

/** What stands for a mapping or sequence in a shortened change. */
const STAND_IN = "mesh-stand-in";

/**
 * `change` with a word for every mapping and sequence in what it adds. In block style, what is added can be read in place
 * of such a word wherever the word can: so the word shows as well that the rest of a document means what it did, and needs
 * far less to be read.
 */
export function shortened(change: NetChange): NetChange {
  switch (change.kind) {
    case "fill":
      return { kind: "fill", value: isNested(change.value) ? skeleton(change.value) : change.value };
    case "map":
      return {
        kind: "map",
        added: new Map([...change.added].map(([key, value]) => [key, standIn(value)])),
        within: new Map([...change.within].map(([key, inner]) => [key, shortened(inner)])),
      };
    case "sequence":
      return {
        kind: "sequence",
        front: change.front.map(standIn),
        back: change.back.map(standIn),
        within: new Map([...change.within].map(([key, inner]) => [key, shortened(inner)])),
      };
  }
}

const standIn = (value: Json): Json => (isNested(value) ? STAND_IN : value);

const skeleton = (value: Nested): Nested =>
  isArray(value)
    ? value.map(standIn)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, standIn(inner)]));

/** What is added to one object is mostly added to the next one too: what was found to read back, each with its style. */
class Known {
  private readonly keys = new Set<string>();

  has(key: string): boolean {
    return this.keys.has(key);
  }

  add(key: string): void {
    if (this.keys.size >= MAX_KNOWN) this.keys.clear();
    this.keys.add(key);
  }
}

const MAX_KNOWN = 1_000;
/** Values with all that is in them. */
const knownValues = new Known();
/** Values with a word for every mapping and sequence in them: most of those that differ do so further in. */
const knownOutlines = new Known();

/** True when all that `change` adds reads as what it is, printed in block style. */
export function isFaithful(change: NetChange, style: BlockStyle): boolean {
  switch (change.kind) {
    case "fill":
      return readsBack(change.value, style);
    case "map":
      return (
        readsBack(Object.fromEntries(change.added), style) &&
        [...change.within.values()].every((inner) => isFaithful(inner, style))
      );
    case "sequence":
      return (
        readsBack([...change.front, ...change.back], style) &&
        [...change.within.values()].every((inner) => isFaithful(inner, style))
      );
  }
}

function readsBack(value: Json, style: BlockStyle): boolean {
  if (!isNested(value)) return true;
  const key = JSON.stringify([style, value]);
  if (knownValues.has(key)) return true;
  const reads =
    outlineReadsBack(skeleton(value), style) &&
    Object.values(value).every((inner: Json) => readsBack(inner, style));
  if (reads) knownValues.add(key);
  return reads;
}

function outlineReadsBack(outline: Nested, style: BlockStyle): boolean {
  const key = JSON.stringify([style, outline]);
  if (knownOutlines.has(key)) return true;
  const read = parse(new Source(blockValue(outline, 0, style).join("\n"), 1));
  if (isRefusal(read) || !equalJson(read.value, outline)) return false;
  knownOutlines.add(key);
  return true;
}

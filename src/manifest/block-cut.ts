import type { Alias } from "yaml";
import { COMMENT, isFirstOnLine } from "./block.js";
import { isMergeKey } from "./reading.js";
import type { Json } from "./json.js";
import {
  isMapNode,
  itemEnd,
  itemStart,
  pairEnd,
  pairStart,
  pairToken,
  type CollectionNode,
  type MapNode,
  type PairNode,
} from "./layout.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";

/** A stretch of a text. */
export interface Region {
  readonly start: number;
  readonly end: number;
}

/** The lines of those entries or items of a block collection whose indexes are `gone`; some are left. */
export function partsOf(node: CollectionNode, gone: ReadonlySet<number>, source: Source): Region[] {
  const start = (index: number): number => startOf(node, index);
  const regions: Region[] = [];
  for (const index of gone) {
    if (isFirstOnLine(start(index), source))
      regions.push(wholeLines(start(index), endOf(node, index, source), source));
    else {
      let kept = index + 1;
      while (gone.has(kept)) kept++;
      regions.push({ start: start(index), end: start(kept) });
    }
  }
  return regions;
}

/** All lines of a block collection. */
export const allOf = (node: CollectionNode, source: Source): Region =>
  wholeLines(startOf(node, 0), endOf(node, node.items.length - 1, source), source);

function startOf(node: CollectionNode, index: number): number {
  if (!isMapNode(node)) return itemStart(node, index);
  const pair = node.items[index];
  return pair ? pairStart(pair) : 0;
}

function endOf(node: CollectionNode, index: number, source: Source): number {
  if (!isMapNode(node)) return itemEnd(node, index, source);
  const pair = node.items[index];
  return pair ? pairEnd(pair, source) : 0;
}

const wholeLines = (start: number, end: number, source: Source): Region => ({
  start: source.lineStart(start),
  end: source.text[end - 1] === "\n" ? end : source.lineEnd(end),
});

/** Regions as splices; a text that ended without a line break still does. */
export function cutRegions(regions: readonly Region[], { text }: Source): Splice[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of [...regions].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined.map(({ start, end }) => {
    const open = end === text.length && !text.endsWith("\n") && start > 0;
    const from = open ? start - (text.startsWith("\r\n", start - 2) ? 2 : 1) : start;
    return { at: from, remove: end - from, insert: "" };
  });
}

/** What a comment that `fillEntry` or `overrideAlias` made says was there, and where the comment starts. */
export interface Was {
  readonly at: number;
  /** Undefined for an alias. */
  readonly value: Json | undefined;
}

const EMPTY = /^(?:(null|Null|NULL|~)|(\[[ \t]*\])|(\{[ \t]*\}))(?=\s|$)/;

/** The comment between a key and its block value that says that it was empty before. */
export function wasEmpty(pair: PairNode): Was | undefined {
  for (const { at, text } of ourComments(pair)) {
    const match = EMPTY.exec(text);
    if (match) return { at, value: match[2] ? [] : match[3] ? {} : null };
  }
  return undefined;
}

/** The comment between a key and its block mapping that says that it was the alias which is now merged. */
export function wasAlias(pair: PairNode, isTarget: (alias: Alias) => boolean): Was | undefined {
  const map = pair.value;
  if (!isMapNode(map)) return undefined;
  const merge = map.items[0];
  if (!merge || !isMergeKey(merge.key)) return undefined;
  const alias = merge.value as Alias | null;
  if (!alias || !isTarget(alias)) return undefined;
  const comment = ourComments(pair).find(({ text }) => text.split(/\s/)[0] === `*${alias.source}`);
  return comment && { at: comment.at, value: undefined };
}

/** The comments between a key and its value that mesh made, and what they say. */
const ourComments = (pair: PairNode): { at: number; text: string }[] =>
  (pairToken(pair)?.sep ?? [])
    .filter(({ type, source }) => type === "comment" && source.startsWith(COMMENT))
    .map(({ offset, source }) => ({ at: offset, text: source.slice(COMMENT.length) }));

/** Where a value can stand behind the colon of a pair. */
export function behindColon(pair: PairNode): number {
  const colon = pairToken(pair)?.sep?.find(({ type }) => type === "map-value-ind");
  return colon ? colon.offset + 1 : 0;
}

export const uncomment = ({ at }: Was): Splice => ({ at, remove: COMMENT.length, insert: "" });

export const indexesOf = (map: MapNode, isGone: (pair: PairNode) => boolean): Set<number> =>
  new Set(map.items.flatMap((pair, i) => (isGone(pair) ? [i] : [])));

import type { Alias } from "yaml";
import type { Json } from "./json.js";
import {
  columnOf,
  endsInOpenScalar,
  itemEnd,
  itemStart,
  pairEnd,
  pairStart,
  type CollectionNode,
  type MapNode,
  type PairNode,
  type SequenceNode,
} from "./layout.js";
import { blockEntries, blockItems, blockValue, type BlockStyle, type Nested } from "./print.js";
import { Refused } from "./reading.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";

/**
 * Lines for new entries at the end of a block mapping. Where that is the end of a text without a line break, they go
 * before the last entry, so that the last line stays as it is.
 */
export function addEntries(
  map: MapNode,
  entries: Iterable<readonly [string, Json]>,
  style: BlockStyle,
  source: Source,
): Splice {
  const column = columnOf(map, source);
  const lines = blockEntries(entries, column, style);
  const at = behindEntry(map, map.items.length - 1, source);
  if (!isBehindOpenLine(at, source)) return insertLines(lines, at, source);
  const last = map.items.length - 1;
  if (last > 0) return insertLines(lines, behindEntry(map, last - 1, source), source);
  const first = map.items[0];
  if (first && isFirstOnLine(pairStart(first), source)) {
    return insertLines(lines, aboveComments(pairStart(first), source), source);
  }
  refuseOpenScalar(map, source);
  return insertLines(lines, at, source);
}

/** Lines for new items before the first or behind the last one of a block sequence. */
export function addItems(
  sequence: SequenceNode,
  front: readonly Json[],
  back: readonly Json[],
  style: BlockStyle,
  parent: MapNode | undefined,
  source: Source,
): Splice[] {
  const column = columnOf(sequence, source);
  const splices: Splice[] = [];
  if (front.length > 0) splices.push(addInFront(sequence, blockItems(front, column, style), column, source));
  if (back.length > 0) {
    const indented = parent !== undefined && columnOf(parent, source) < column;
    const end = itemEnd(sequence, sequence.items.length - 1, source);
    const at = behindComments(end, indented ? column : column + 1, source);
    if (isBehindOpenLine(at, source)) refuseOpenScalar(sequence, source);
    splices.push(insertLines(blockItems(back, column, style), at, source));
  }
  return splices;
}

function addInFront(sequence: SequenceNode, lines: string[], column: number, source: Source): Splice {
  const first = itemStart(sequence, 0);
  if (isFirstOnLine(first, source)) return insertLines(lines, aboveComments(first, source), source);
  const eol = lineBreakAt(first, source);
  return { at: first, remove: 0, insert: `${lines.join(eol).slice(column)}${eol}${" ".repeat(column)}` };
}

/**
 * Lines below the key of a block mapping whose value says nothing. Where that has characters (`null`, `[]`), they
 * become a comment, which says what was there.
 */
export function fillEntry(
  map: MapNode,
  pair: PairNode,
  value: Nested,
  style: BlockStyle,
  written: boolean,
  source: Source,
): Splice[] {
  const lines = blockValue(value, columnOf(map, source), style);
  const below = insertLines(lines, source.lineEnd(pairEnd(pair, source)), source);
  return written ? [{ at: pair.value?.range?.[0] ?? 0, remove: 0, insert: COMMENT }, below] : [below];
}

/**
 * A mapping of its own in place of an alias of one, which it merges with new entries. The alias becomes a comment, which
 * says what was there.
 */
export function overrideAlias(
  map: MapNode,
  pair: PairNode,
  alias: Alias,
  entries: Iterable<readonly [string, Json]>,
  style: BlockStyle,
  source: Source,
): Splice[] {
  const column = columnOf(map, source) + style.step;
  const lines = [`${" ".repeat(column)}<<: *${alias.source}`, ...blockEntries(entries, column, style)];
  return [
    { at: alias.range?.[0] ?? 0, remove: 0, insert: COMMENT },
    insertLines(lines, source.lineEnd(pairEnd(pair, source)), source),
  ];
}

/** What makes a comment of a value that follows a space: `initContainers: # before mesh: []`. */
export const COMMENT = "# before mesh: ";

/** Where an entry ends for what follows: behind its last line, and behind the comments that are indented as far. */
function behindEntry(map: MapNode, index: number, source: Source): number {
  const pair = map.items[index];
  return behindComments(pair ? pairEnd(pair, source) : 0, Math.max(1, columnOf(map, source)), source);
}

/** Behind the line of `end`, and behind the comments that follow it and are indented by `least` columns or more. */
function behindComments(end: number, least: number, source: Source): number {
  const { text } = source;
  let behind = text[end - 1] === "\n" ? end : source.lineEnd(end);
  for (let at = behind; at < text.length; at = source.lineEnd(at)) {
    const line = text.slice(at, source.lineEnd(at));
    const indentation = /^ */.exec(line)?.[0].length ?? 0;
    if (line[indentation] === "#" && indentation >= least) behind = source.lineEnd(at);
    else if (line.trim() !== "") break;
  }
  return behind;
}

/** The start of the line of `at`, or of the comments and empty lines that stand above it. */
function aboveComments(at: number, source: Source): number {
  let above = source.lineStart(at);
  while (above > 0) {
    const previous = source.lineStart(above - 1);
    if (!/^[ \t]*(?:#.*)?\r?\n$/.test(source.text.slice(previous, above))) break;
    above = previous;
  }
  return above;
}

export const isFirstOnLine = (at: number, source: Source): boolean =>
  source.text.slice(source.lineStart(at), at).trim() === "";

const isBehindOpenLine = (at: number, { text }: Source): boolean =>
  at > 0 && at === text.length && !text.endsWith("\n");

function insertLines(lines: readonly string[], at: number, source: Source): Splice {
  const eol = lineBreakAt(at, source);
  const insert = isBehindOpenLine(at, source)
    ? lines.map((line) => eol + line).join("")
    : lines.map((line) => line + eol).join("");
  return { at, remove: 0, insert };
}

/** The line break that the neighbouring lines have. */
export function lineBreakAt(at: number, { text }: Source): string {
  const before = at === 0 ? -1 : text.lastIndexOf("\n", at - 1);
  const near = before === -1 ? text.indexOf("\n") : before;
  return near > 0 && text[near - 1] === "\r" ? "\r\n" : "\n";
}

function refuseOpenScalar(node: CollectionNode, source: Source): void {
  if (!endsInOpenScalar(node)) return;
  throw new Refused(
    source.refusal(
      source.text.length - 1,
      "the file ends inside a block scalar, without a line break; lines behind it would add one to its text",
      "end the file's last line with a line break",
    ),
  );
}

import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type CST,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import type { Source } from "./source.js";

export type MapNode = YAMLMap<Node | null, Node | null>;
export type SequenceNode = YAMLSeq<Node | null>;
export type PairNode = Pair<Node | null, Node | null>;
export type CollectionNode = MapNode | SequenceNode;

export const isMapNode = (node: unknown): node is MapNode => isMap(node);
export const isSequenceNode = (node: unknown): node is SequenceNode => isSeq(node);

type CollectionItem = CST.BlockMap["items"][number] | CST.FlowCollection["items"][number];

/** True for what stands in brackets or braces. */
export const isFlow = (node: CollectionNode): boolean => node.srcToken?.type === "flow-collection";

/** The tokens in front of an item of a block sequence, its dash among them. */
function itemTokens(sequence: SequenceNode, index: number): readonly CST.SourceToken[] {
  const token = sequence.srcToken;
  if (token?.type !== "block-seq") return [];
  return (
    token.items.filter((item) => item.start.some(({ type }) => type === "seq-item-ind"))[index]?.start ?? []
  );
}

export const pairToken = (pair: PairNode): CollectionItem | undefined =>
  "srcToken" in pair ? pair.srcToken : undefined;

const SPACING = new Set(["space", "newline", "comment", "comma"]);
const significant = (tokens: readonly CST.SourceToken[] = []) =>
  tokens.filter(({ type }) => !SPACING.has(type));
const endOf = (token: CST.SourceToken | undefined): number | undefined =>
  token && token.offset + token.source.length;

/** Where a pair starts: its key, or an anchor, tag or question mark before it. */
export function pairStart(pair: PairNode): number {
  return significant(pairToken(pair)?.start)[0]?.offset ?? pair.key?.range?.[0] ?? 0;
}

/** Behind the last character of a pair that means something. */
export function pairEnd(pair: PairNode, source: Source): number {
  const token = pairToken(pair);
  return (
    nodeEnd(pair.value, source) ??
    endOf(significant(token?.sep).at(-1)) ??
    nodeEnd(pair.key, source) ??
    endOf(significant(token?.start).at(-1)) ??
    0
  );
}

/** Where an item of a sequence starts: its dash, or in flow style its content or what stands before that. */
export function itemStart(sequence: SequenceNode, index: number): number {
  const dash = itemTokens(sequence, index).find(({ type }) => type === "seq-item-ind");
  if (dash) return dash.offset;
  const item = sequence.items[index];
  const token =
    sequence.srcToken?.type === "flow-collection" ? flowItemToken(sequence.srcToken, index) : undefined;
  return significant(token?.start)[0]?.offset ?? item?.range?.[0] ?? 0;
}

const flowItemToken = (token: CST.FlowCollection, index: number) =>
  token.items.filter((item) => item.key ?? item.value ?? item.sep ?? significant(item.start)[0])[index];

/** Behind the last character of a sequence's item that means something. */
export function itemEnd(sequence: SequenceNode, index: number, source: Source): number {
  const item = sequence.items[index] ?? null;
  return (
    nodeEnd(item, source) ??
    endOf(significant(itemTokens(sequence, index)).at(-1)) ??
    Math.max(itemStart(sequence, index), item?.range?.[0] ?? 0)
  );
}

/** Behind the last character of a node that means something; undefined for a node without characters. */
export function nodeEnd(node: Node | null, source: Source): number | undefined {
  if (isCollection(node) && node.srcToken?.type !== "flow-collection") {
    if (isMapNode(node)) {
      const last = node.items.at(-1);
      return last && pairEnd(last, source);
    }
    if (isSequenceNode(node)) return itemEnd(node, node.items.length - 1, source);
  }
  const range = node?.range;
  if (!range || range[0] === range[1]) return undefined;
  if (isScalar(node) && node.srcToken?.type === "block-scalar")
    return blockScalarEnd(node.srcToken, range[1], source);
  if (isScalar(node) || isAlias(node) || isCollection(node)) return range[1];
  return undefined;
}

/** The empty lines behind a block scalar are a part of it only where it says so, by `+`. */
function blockScalarEnd(token: CST.BlockScalar, end: number, { text }: Source): number {
  if (keepsEmptyLines(token)) return end;
  let trimmed = end;
  for (;;) {
    const before = /\n\r?\n$/.exec(text.slice(Math.max(0, trimmed - 3), trimmed));
    if (!before) return trimmed;
    trimmed -= before[0].length - 1;
  }
}

const headerOf = (token: CST.BlockScalar): string =>
  token.props.flatMap((prop) => (prop.type === "block-scalar-header" ? [prop.source] : []))[0] ?? "";

const keepsEmptyLines = (token: CST.BlockScalar): boolean => headerOf(token).includes("+");

/** True when the text ends inside a block scalar whose content would get a line break if lines followed. */
export function endsInOpenScalar(node: Node | null): boolean {
  if (isMapNode(node)) return !isFlow(node) && endsInOpenScalar(node.items.at(-1)?.value ?? null);
  if (isSequenceNode(node)) return !isFlow(node) && endsInOpenScalar(node.items.at(-1) ?? null);
  return isScalar(node) && node.srcToken?.type === "block-scalar" && !headerOf(node.srcToken).includes("-");
}

/** The column of a block collection: of its keys or dashes. */
export function columnOf(node: CollectionNode, source: Source): number {
  const first = isMapNode(node) ? node.items[0] && pairStart(node.items[0]) : itemStart(node, 0);
  return source.column(first ?? 0);
}

import { isFirstOnLine, lineBreakAt } from "./block.js";
import type { Json } from "./json.js";
import {
  isFlow,
  isMapNode,
  itemEnd,
  itemStart,
  pairEnd,
  pairStart,
  pairToken,
  type CollectionNode,
  type MapNode,
} from "./layout.js";
import { flowEntries, flowItems, flowValue, type FlowStyle } from "./print.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";

/** What is added to a collection in flow style: entries at a mapping's end, or items at both ends of a sequence. */
export type FlowAddition =
  | { readonly entries: ReadonlyMap<string, Json> }
  | { readonly front: readonly Json[]; readonly back: readonly Json[] };

/** Splices for what is new in a flow collection. `parents` are the mappings around it, the innermost first. */
export function addToFlow(
  node: CollectionNode,
  addition: FlowAddition,
  parents: readonly MapNode[],
  source: Source,
): Splice[] {
  const style = flowStyleOf(node, parents, source);
  const print = (items: readonly Json[]): string[] => flowItems(items, style);
  const front = "entries" in addition ? [] : print(addition.front);
  const back = "entries" in addition ? flowEntries(addition.entries, style) : print(addition.back);
  if (node.items.length === 0) return [fillBrackets(node, [...front, ...back], style, parents, source)];
  const splices: Splice[] = [];
  const separator = style.lines ? `,${style.lines.lead}` : style.comma;
  if (front.length > 0) {
    splices.push({
      at: partStart(node, 0),
      remove: 0,
      insert: front.map((text) => text + separator).join(""),
    });
  }
  if (back.length > 0) splices.push(...addBehind(node, back, style, source));
  return splices;
}

/** `value` as it is written in place of another one in a flow mapping. */
export function flowReplacement(value: Json, parents: readonly MapNode[], source: Source): string {
  const [parent, ...further] = parents;
  return parent ? flowValue(value, flowStyleOf(parent, further, source)) : "";
}

function addBehind(
  node: CollectionNode,
  texts: readonly string[],
  style: FlowStyle,
  source: Source,
): Splice[] {
  const end = partEnd(node, node.items.length - 1, source);
  const trailing = commaBehind(node, end);
  const base = trailing === undefined ? end : trailing + 1;
  const comment = commentBehind(base, source);
  const apart = style.lines?.lead ?? (comment > base ? lineOfItem(node, source) : style.comma.slice(1));
  const separator = style.lines ? `,${style.lines.lead}` : style.comma;
  const content = apart + texts.join(separator);
  if (trailing !== undefined) return [{ at: comment, remove: 0, insert: `${content},` }];
  if (comment === base) return [{ at: base, remove: 0, insert: `,${content}` }];
  return [
    { at: base, remove: 0, insert: "," },
    { at: comment, remove: 0, insert: content },
  ];
}

/** What stands in empty brackets stays behind what is new, so that it can be told apart again. */
function fillBrackets(
  node: CollectionNode,
  texts: readonly string[],
  style: FlowStyle,
  parents: readonly MapNode[],
  source: Source,
): Splice {
  const at = (node.range?.[0] ?? 0) + 1;
  const closing = style.lines && parents[0] && linesOf(parents[0], source);
  if (style.lines && closing) {
    const { lead } = style.lines;
    return { at, remove: 0, insert: lead + texts.join(`,${lead}`) + closing.lead };
  }
  const padding = /^[ \t]+$/.test(insideBrackets(node, source)) ? " " : "";
  return { at, remove: 0, insert: padding + texts.join(style.comma) };
}

const insideBrackets = (node: CollectionNode, source: Source): string =>
  source.text.slice((node.range?.[0] ?? 0) + 1, (node.range?.[1] ?? 0) - 1);

/** The style of a flow collection's own items, or of its neighbours' where it has none. */
function flowStyleOf(node: CollectionNode, parents: readonly MapNode[], source: Source): FlowStyle {
  const inner = firstPair(node);
  const around = inner ? undefined : parents.filter(isFlow).find((map) => map.items.length > 0);
  const pair = inner ?? around?.items[0];
  const colon = (pair && colonOf(pair)) ?? ": ";
  const key = pair?.key?.range ? source.text[pair.key.range[0]] : undefined;
  return {
    quoted: key === '"' || colon.trimStart() === ":",
    colon,
    comma: commaOf(node, source) ?? (colon.endsWith(" ") ? ", " : ","),
    lines: node.items.length === 0 ? linesInside(node, parents, source) : linesOf(node, source),
  };
}

/** Brackets without anything in them open up to lines where the entry that they belong to has a line of its own. */
function linesInside(node: CollectionNode, parents: readonly MapNode[], source: Source): FlowStyle["lines"] {
  const parent = parents[0];
  if (!parent || !isFlow(parent) || insideBrackets(node, source) !== "") return undefined;
  const around = linesOf(parent, source);
  return around && { ...around, lead: around.lead + around.unit };
}

function firstPair(node: CollectionNode): MapNode["items"][number] | undefined {
  if (isMapNode(node)) return node.items[0];
  for (const item of node.items) {
    if (isMapNode(item) && item.items[0]) return item.items[0];
  }
  return undefined;
}

function colonOf(pair: MapNode["items"][number]): string | undefined {
  const sep = pairToken(pair)?.sep;
  if (!sep?.some(({ type }) => type === "map-value-ind")) return undefined;
  const colon = sep
    .filter(({ type }) => type === "map-value-ind" || type === "space")
    .map(({ source }) => source)
    .join("");
  return /^ ?: ?$/.test(colon) ? colon : undefined;
}

function commaOf(node: CollectionNode, source: Source): string | undefined {
  if (node.items.length < 2) return undefined;
  const between = source.text.slice(partEnd(node, 0, source), partStart(node, 1));
  return /^, ?$/.test(between) ? between : undefined;
}

/** Set where the last item of a flow collection has a line of its own. */
function linesOf(node: CollectionNode, source: Source): FlowStyle["lines"] {
  if (node.items.length === 0) return undefined;
  const start = partStart(node, node.items.length - 1);
  const open = node.range?.[0] ?? 0;
  if (!isFirstOnLine(start, source) || source.lineStart(start) <= open) return undefined;
  const indentation = source.text.slice(source.lineStart(start), start);
  const outside = /^[ \t]*/.exec(source.text.slice(source.lineStart(open), open))?.[0] ?? "";
  const unit =
    indentation.startsWith(outside) && indentation.length > outside.length
      ? indentation.slice(outside.length)
      : "  ";
  return { lead: lineBreakAt(start, source) + indentation, unit };
}

const lineOfItem = (node: CollectionNode, source: Source): string => {
  const start = partStart(node, node.items.length - 1);
  return lineBreakAt(start, source) + " ".repeat(source.column(start));
};

export function partStart(node: CollectionNode, index: number): number {
  if (!isMapNode(node)) return itemStart(node, index);
  const pair = node.items[index];
  return pair ? pairStart(pair) : 0;
}

export function partEnd(node: CollectionNode, index: number, source: Source): number {
  if (!isMapNode(node)) return itemEnd(node, index, source);
  const pair = node.items[index];
  return pair ? pairEnd(pair, source) : 0;
}

/** The comma that follows what ends at `end`. */
export function commaBehind(node: CollectionNode, end: number): number | undefined {
  const token = node.srcToken;
  if (token?.type !== "flow-collection") return undefined;
  for (const item of token.items) {
    for (const { type, offset } of item.start) if (type === "comma" && offset >= end) return offset;
  }
  return undefined;
}

/** Behind the comment that follows `at` on its line, or `at`. */
export function commentBehind(at: number, { text }: Source): number {
  const end = text.indexOf("\n", at);
  const comment = /^[ \t]+#[^\r]*/.exec(text.slice(at, end === -1 ? text.length : end));
  return at + (comment?.[0].length ?? 0);
}

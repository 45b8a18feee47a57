import { isArray, isObject, type Json } from "./json.js";

/** How a place of a block-style document is written. Widths in columns. */
export interface BlockStyle {
  /** From a key to the keys of the mapping below it. */
  readonly step: number;
  /** From a key to the dashes of the sequence below it: 0, or more where sequences are indented. */
  readonly dash: number;
  /** From a dash to what it leads. */
  readonly gap: number;
}

/** The lines, without breaks, of `entries` as entries of a block mapping whose keys stand in `column`. */
export function blockEntries(
  entries: Iterable<readonly [string, Json]>,
  column: number,
  style: BlockStyle,
): string[] {
  const lines: string[] = [];
  printEntries(lines, entries, " ".repeat(column), column, style);
  return lines;
}

/** The lines, without breaks, of `items` as items of a block sequence whose dashes stand in `column`. */
export function blockItems(items: readonly Json[], column: number, style: BlockStyle): string[] {
  const lines: string[] = [];
  printItems(lines, items, " ".repeat(column), column, style);
  return lines;
}

/** The lines of a mapping or sequence that is the value of a key in `column`. */
export function blockValue(value: Nested, column: number, style: BlockStyle): string[] {
  const lines: string[] = [];
  printBelow(lines, value, column, style);
  return lines;
}

/** `lead` is what the first line starts with: as wide as `column`. */
function printEntries(
  lines: string[],
  entries: Iterable<readonly [string, Json]>,
  lead: string,
  column: number,
  style: BlockStyle,
): void {
  let start = lead;
  for (const [key, value] of entries) {
    const head = `${start}${scalar(key)}:`;
    if (isNested(value)) {
      lines.push(head);
      printBelow(lines, value, column, style);
    } else if (isLines(value)) lines.push(`${head} |`, ...literalLines(value, column + style.step));
    else lines.push(`${head} ${inline(value)}`);
    start = " ".repeat(column);
  }
}

function printItems(
  lines: string[],
  items: readonly Json[],
  lead: string,
  column: number,
  style: BlockStyle,
): void {
  const inner = column + style.gap;
  let start = lead;
  for (const item of items) {
    const head = `${start}-${" ".repeat(style.gap - 1)}`;
    if (isLines(item)) lines.push(`${head}|`, ...literalLines(item, inner));
    else if (!isNested(item)) lines.push(`${head}${inline(item)}`);
    else if (isArray(item)) printItems(lines, item, head, inner, style);
    else printEntries(lines, Object.entries(item), head, inner, style);
    start = " ".repeat(column);
  }
}

function printBelow(lines: string[], value: Nested, column: number, style: BlockStyle): void {
  const inner = column + (isArray(value) ? style.dash : style.step);
  if (isArray(value)) printItems(lines, value, " ".repeat(inner), inner, style);
  else printEntries(lines, Object.entries(value), " ".repeat(inner), inner, style);
}

/** A mapping or sequence that holds something. */
export type Nested = readonly Json[] | { readonly [key: string]: Json };

export const isNested = (value: Json): value is Nested =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0;

/** Several lines of a text, none of which could be taken for anything else when they stand as they are, indented. */
const LINES =
  /^(?=[!-~])[\n -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u20a0-\u2fff]*[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u20a0-\u2fff]\n$/;

const isLines = (value: Json): value is string => typeof value === "string" && LINES.test(value);

/** The lines of a literal scalar's text. */
function literalLines(text: string, column: number): string[] {
  const indent = " ".repeat(column);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => (line === "" ? "" : indent + line));
}

const inline = (value: Json): string => (isArray(value) ? "[]" : isObject(value) ? "{}" : scalar(value));

/** How a place of a flow-style document, or JSON, is written. */
export interface FlowStyle {
  /** Every string in double quotes, as JSON wants it. */
  readonly quoted: boolean;
  /** Between a key and its value: `:` or `: `, or with a space before. */
  readonly colon: string;
  /** Between two items of a line: `,` or `, `. */
  readonly comma: string;
  /** Set where each item has a line of its own: what that line starts with, line break included, and one level more of it. */
  readonly lines: { readonly lead: string; readonly unit: string } | undefined;
}

/** `value` in flow style; the text starts where it is put and needs no line before. */
export function flowValue(value: Json, style: FlowStyle): string {
  const inner = style.lines && { ...style.lines, lead: style.lines.lead + style.lines.unit };
  const within = { ...style, lines: inner };
  if (isArray(value)) return flowCollection("[", "]", flowItems(value, within), style);
  if (isObject(value)) return flowCollection("{", "}", flowEntries(Object.entries(value), within), style);
  return style.quoted ? JSON.stringify(value) : scalar(value);
}

export const flowItems = (items: readonly Json[], style: FlowStyle): string[] =>
  items.map((item) => flowValue(item, style));

export function flowEntries(entries: Iterable<readonly [string, Json]>, style: FlowStyle): string[] {
  return [...entries].map(
    ([key, value]) =>
      `${style.quoted ? JSON.stringify(key) : scalar(key)}${style.colon}${flowValue(value, style)}`,
  );
}

/** `texts` in brackets. */
export function flowCollection(
  open: string,
  close: string,
  texts: readonly string[],
  style: FlowStyle,
): string {
  if (texts.length === 0 || !style.lines) return open + texts.join(style.comma) + close;
  const { lead, unit } = style.lines;
  return `${open}${lead}${unit}${texts.join(`,${lead}${unit}`)}${lead}${close}`;
}

/** Plain where every YAML parser, of 1.1 and of 1.2, in block and in flow, reads the same string. */
const PLAIN = /^[A-Za-z_/][A-Za-z0-9_./@%+-]*(?::[A-Za-z0-9_./@%+-]+)*$/;
const QUANTITY = /^[1-9][0-9]*(?:m|k|[KMGT]i?|s)$/;
const TAKEN_WORD = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf|e[-+]?[0-9]+)$/i;

function scalar(value: null | boolean | number | string): string {
  if (typeof value !== "string") return String(value);
  if ((PLAIN.test(value) && !TAKEN_WORD.test(value)) || QUANTITY.test(value)) return value;
  return JSON.stringify(value).replace(
    /[\u007F-\u009F\u2028\u2029\uFEFF\uFFFE\uFFFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

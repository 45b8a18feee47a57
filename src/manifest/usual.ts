import { Pair, Scalar, YAMLMap, YAMLSeq, type CST, type Node } from "yaml";
import { COMMENT } from "./block.js";
import { readFlowLine } from "./flow-line.js";
import type { CollectionNode, MapNode, PairNode, SequenceNode } from "./layout.js";
import { plainValue } from "./plain-scalar.js";

/**
 * Reads a document that is written as most are: mappings in block style, words in quotes or without on one line, `|` with
 * lines below it, brackets that close on their line. That takes a fraction of the time that a parser of all of YAML takes, and
 * gives the nodes that it would give, with their places, and tokens where this part asks for them. Undefined for a text that is
 * written in any other way, or wrongly: that is for the parser to read.
 */
export function readUsual(text: string): CollectionNode | undefined {
  // What an edit wrote into a comment is found among the tokens.
  if (UNUSUAL_CHARACTER.test(text) || text.includes(COMMENT)) return undefined;
  try {
    return new Reader(text).document();
  } catch (error) {
    if (error === UNUSUAL) return undefined;
    throw error;
  }
}

/** Among them all that ends a line for some parser, but for the line feed, and all that is a space for another. */
const UNUSUAL_CHARACTER = /[^\n -~\u00a1-\u167f\u1681-\u1fff]/;

/** Thrown so often that a stack for each would cost more than the reading. */
const UNUSUAL = new Error("left to the parser");

function leave(): never {
  throw UNUSUAL;
}

const MAX_DEPTH = 100;

/** A key with its colon to follow. */
const KEY =
  /(?:([A-Za-z_][\w./-]{0,200}(?::[\w./-]{1,200}){0,4})|"([\w./ -]{0,200})"|'([\w./ -]{0,200})')(?=:[ \n])/y;
const DOUBLE_QUOTED = /"([^"\\\n]*)"/y;
const SINGLE_QUOTED = /'([^'\n]*)'/y;
/** What may stand behind a value on its line. */
const REST = / *(?: #[^\n]*)?(?![^\n])/y;
const PLAIN_START = /^(?:[\w./$(+~]|-[^ ])/;
const LITERAL = /\|(-?)(?= *(?: #[^\n]*)?\n)/y;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const HASH = 0x23;
const SINGLE_QUOTE = 0x27;
const DASH = 0x2d;
const BRACKET = 0x5b;
const BAR = 0x7c;
const BRACE = 0x7b;

class Reader {
  /** The first character of the line to be read next, of those that say something; and its column, -1 behind the last line. */
  private next = 0;
  private column = -1;
  private depth = 0;

  constructor(private readonly text: string) {}

  document(): CollectionNode {
    this.goToLine(0);
    if (this.column === 0 && this.text.startsWith("---\n", this.next)) this.goToLine(this.next + 4);
    if (this.column !== 0) leave();
    const root = this.collection(this.next, 0);
    return this.isBehindEnd() ? root : leave();
  }

  /** Goes to the first line that says something, of those from `start` on. */
  private goToLine(start: number): void {
    const { text } = this;
    while (start < text.length) {
      let at = start;
      while (text.charCodeAt(at) === SPACE) at++;
      const first = text.charCodeAt(at);
      if (first !== NEWLINE && first !== HASH && at < text.length) {
        this.next = at;
        this.column = at - start;
        return;
      }
      start = this.endOfLine(at) + 1;
    }
    this.column = -1;
  }

  private isBehindEnd(): boolean {
    return this.column === -1;
  }

  private endOfLine(at: number): number {
    const end = this.text.indexOf("\n", at);
    return end === -1 ? this.text.length : end;
  }

  private isDash(at: number): boolean {
    return this.text.charCodeAt(at) === DASH && this.text.charCodeAt(at + 1) === SPACE;
  }

  private collection(at: number, column: number): CollectionNode {
    if (++this.depth > MAX_DEPTH) leave();
    const node = this.isDash(at) ? this.sequence(at, column) : this.map(at, column);
    this.depth--;
    return node;
  }

  private map(start: number, column: number): MapNode {
    const map: MapNode = new YAMLMap<Node | null, Node | null>();
    map.range = [start, start, start];
    let at = start;
    do {
      map.items.push(this.entry(at, column));
      at = this.next;
    } while (this.column === column);
    return this.column > column ? leave() : map;
  }

  private entry(at: number, column: number): PairNode {
    const key = this.key(at);
    const offset = key.range?.[1] ?? at;
    const behind = this.skipSpaces(offset + 1);
    const value = this.isEndOfLine(behind) ? this.below(behind, column) : this.value(behind, column);
    const pair = new Pair<Node | null, Node | null>(key, value);
    pair.srcToken = {
      start: [],
      key: null,
      sep: [{ type: "map-value-ind", offset, indent: column, source: ":" }],
    };
    return pair;
  }

  private key(at: number): Scalar {
    KEY.lastIndex = at;
    const match = KEY.exec(this.text);
    if (!match) return leave();
    const [, plain, double, single] = match;
    const value = plain === undefined ? (double ?? single) : plainValue(plain);
    return value === undefined ? leave() : scalar(value, at, KEY.lastIndex);
  }

  /** The value of an entry that has none on its line; that of the key ends at `at`. */
  private below(at: number, column: number): Node {
    this.goToLine(this.endOfLine(at) + 1);
    if (this.column > column) return this.collection(this.next, this.column);
    if (this.column === column && this.isDash(this.next)) return this.sequence(this.next, column);
    return scalar(null, at, at);
  }

  private sequence(start: number, column: number): SequenceNode {
    const sequence: SequenceNode = new YAMLSeq<Node | null>();
    const items: CST.BlockSequence["items"] = [];
    sequence.range = [start, start, start];
    sequence.srcToken = { type: "block-seq", offset: start, indent: column, items };
    let offset = start;
    do {
      items.push({ start: [{ type: "seq-item-ind", offset, indent: column, source: "-" }] });
      sequence.items.push(this.item(offset, column));
      offset = this.next;
    } while (this.column === column && this.isDash(offset));
    return this.column > column ? leave() : sequence;
  }

  private item(dash: number, column: number): Node {
    const at = this.skipSpaces(dash + 1);
    if (this.isEndOfLine(at)) return leave();
    KEY.lastIndex = at;
    return this.isDash(at) || KEY.test(this.text)
      ? this.collection(at, column + at - dash)
      : this.value(at, column);
  }

  /** What starts at `at` and ends on its line, or is a literal; `column` is that of the key or dash it belongs to. */
  private value(at: number, column: number): Node {
    switch (this.text.charCodeAt(at)) {
      case DOUBLE_QUOTE:
        return this.quoted(DOUBLE_QUOTED, at);
      case SINGLE_QUOTE:
        return this.quoted(SINGLE_QUOTED, at);
      case BAR:
        return this.literal(at, column);
      case BRACKET:
      case BRACE:
        return this.flow(at);
      default:
        return this.plain(at);
    }
  }

  private quoted(form: RegExp, at: number): Node {
    form.lastIndex = at;
    const value = form.exec(this.text)?.[1];
    if (value === undefined) return leave();
    const end = form.lastIndex;
    REST.lastIndex = end;
    if (!REST.test(this.text)) leave();
    this.goToLine(REST.lastIndex + 1);
    return scalar(value, at, end);
  }

  private plain(at: number): Node {
    const end = this.endOfLine(at);
    const line = this.text.slice(at, end);
    const comment = line.indexOf(" #");
    const words = (comment === -1 ? line : line.slice(0, comment)).trimEnd();
    if (!PLAIN_START.test(words) || words.endsWith(":") || words.includes(": ")) leave();
    const value = plainValue(words);
    if (value === undefined) return leave();
    this.goToLine(end + 1);
    return scalar(value, at, at + words.length);
  }

  private flow(at: number): Node {
    const end = this.endOfLine(at);
    const node = readFlowLine(this.text.slice(at, end), at);
    this.goToLine(end + 1);
    return node ?? leave();
  }

  /** A literal whose lines are indented alike, or more, and neither start with an empty one nor hold one of spaces alone. */
  private literal(at: number, column: number): Node {
    const { text } = this;
    LITERAL.lastIndex = at;
    const chomp = LITERAL.exec(text)?.[1];
    if (chomp === undefined) return leave();
    const first = this.endOfLine(at) + 1;
    const indent = this.skipSpaces(first) - first;
    if (indent <= column) leave();
    let value = "";
    let end = first;
    for (let start = first; start < text.length;) {
      const content = this.skipSpaces(start);
      const isEmpty = text.charCodeAt(content) === NEWLINE;
      if (isEmpty ? content > start : content === text.length) leave();
      if (!isEmpty && content - start < indent) break;
      const next = this.endOfLine(start) + 1;
      value += isEmpty ? "\n" : text.slice(start + indent, next);
      start = next;
      if (!isEmpty) end = next;
    }
    if (end > text.length) leave();
    this.goToLine(end);
    const trimmed = value.replace(/\n+$/, "");
    const node = scalar(chomp === "-" ? trimmed : `${trimmed}\n`, at, end);
    const header: CST.SourceToken = {
      type: "block-scalar-header",
      offset: at,
      indent: column,
      source: `|${chomp}`,
    };
    node.srcToken = { type: "block-scalar", offset: at, indent: column, props: [header], source: "" };
    return node;
  }

  private skipSpaces(at: number): number {
    while (this.text.charCodeAt(at) === SPACE) at++;
    return at;
  }

  /** True where nothing but a comment follows; the spaces before `at` make one of it. */
  private isEndOfLine(at: number): boolean {
    const character = this.text.charCodeAt(at);
    return character === NEWLINE || character === HASH || at >= this.text.length;
  }
}

function scalar(value: string | number | boolean | null, start: number, end: number): Scalar {
  const node = new Scalar(value);
  node.range = [start, end, end];
  return node;
}

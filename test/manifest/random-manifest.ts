import fc from "fast-check";
import type { Json } from "../../src/manifest/index.js";

/** A manifest as somebody could have written it. */
export interface RandomManifest {
  readonly text: string;
  /** True when whatever holds what mesh adds to is in block style, and was not empty: then additions are lines alone. */
  readonly isBlock: boolean;
  /** True when the text has what may be refused: anchors, unusual ways to say nothing. */
  readonly mayRefuse: boolean;
}

/** Manifests of one or several documents in all kinds of styles. */
export const randomManifest: fc.Arbitrary<RandomManifest> = fc
  .gen()
  .map((g) => new Writer((below) => g(fc.nat, { max: below - 1 })).file());

type Choose = (below: number) => number;
type Entries = [string, Json | Special][];
/** Something that plain values cannot say. */
type Special = { readonly special: "nothing" | "tilde" | "alias" | "map"; readonly entries?: Entries };

const isSpecial = (value: Json | Special): value is Special =>
  typeof value === "object" && value !== null && "special" in value;

class Writer {
  private readonly eol: string;
  private step: number;
  private dash: number;
  private gap: number;
  private readonly wild: boolean;
  private isBlock = true;
  private mayRefuse = false;
  private anchors: string[] = [];
  private count = 0;

  constructor(private readonly choose: Choose) {
    this.eol = this.rarely() ? "\r\n" : "\n";
    this.step = 2 + (this.rarely() ? choose(3) : 0);
    this.dash = this.often() ? 0 : this.step;
    this.gap = this.rarely() ? 2 + choose(3) : 2;
    this.wild = this.rarely();
  }

  file(): RandomManifest {
    let text = this.rarely() ? "\uFEFF" : "";
    const count = 1 + (this.rarely() ? this.choose(3) : 0);
    for (let i = 0; i < count; i++) {
      this.anchors = [];
      if (i > 0 || this.rarely()) text += this.marker(text);
      text += this.document();
    }
    if (this.rarely())
      text += this.pick(["...", "---", "# the end", "---\n# nothing"]).replace("\n", this.eol) + this.eol;
    if (this.rarely()) {
      text = text.replace(/\r?\n$/, "");
      this.isBlock = false;
      this.mayRefuse = true;
    }
    return { text, isBlock: this.isBlock, mayRefuse: this.mayRefuse };
  }

  private marker(before: string): string {
    const directive =
      this.rarely() && (before === "" || before.endsWith(`...${this.eol}`)) ? `%YAML 1.1${this.eol}` : "";
    return `${directive}---${this.pick(["", "", " # a document"])}${this.eol}`;
  }

  private document(): string {
    switch (this.choose(12)) {
      case 10:
        return this.pick(["", "# only a comment", "just: a mapping", "[a, b]", "text"]) + this.eol;
      case 11:
        return this.json();
      case 9:
        return this.block(this.list(), 0);
      default:
        return this.block(this.deployment(), 0);
    }
  }

  private list(): Entries {
    const items = [this.deployment(), this.deployment()].map(
      (entries) => ({ special: "map", entries }) as const,
    );
    return [
      ["apiVersion", "v1"],
      ["kind", "List"],
      ["items", items],
    ];
  }

  private json(): string {
    this.isBlock = false;
    const value = plainOf({ special: "map", entries: this.deployment(true) });
    const indent = this.pick([undefined, 2, 4, "\t"]);
    return JSON.stringify(value, null, indent).replaceAll("\n", this.eol) + this.eol;
  }

  private deployment(json = false): Entries {
    const nothing = json ? null : this.nothing();
    const podSpec: Entries = [["containers", this.containers()]];
    if (this.rarely()) podSpec.push(["initContainers", this.rarely() ? this.containers() : nothing]);
    if (this.rarely())
      podSpec.push(["volumes", this.rarely() ? [{ name: "v", emptyDir: {} }] : this.rarely() ? [] : nothing]);
    podSpec.push(...this.extras());
    const template: Entries = [["spec", { special: "map", entries: this.shuffled(podSpec) }]];
    if (this.often()) template.push(["metadata", { special: "map", entries: this.metadata(nothing, json) }]);
    else if (this.rarely()) template.push(["metadata", nothing]);
    const labels = { app: "web" };
    const selector: Entries = json || this.often() ? [] : [["selector", { matchLabels: labels }]];
    const spec: Entries = [
      ...selector,
      ["template", { special: "map", entries: this.shuffled(template) }],
      ...this.extras(),
    ];
    return this.shuffled([
      ["apiVersion", "apps/v1"],
      ["kind", "Deployment"],
      ["metadata", { name: `web-${this.count++}`, labels }],
      ["spec", { special: "map", entries: spec }],
    ]);
  }

  private metadata(nothing: Json | Special, json: boolean): Entries {
    const entries: Entries = [];
    if (this.often())
      entries.push(["labels", json || this.often() ? { app: "web", tier: "on" } : { special: "alias" }]);
    if (this.rarely())
      entries.push(["annotations", this.rarely() ? { note: this.string() } : this.rarely() ? {} : nothing]);
    if (entries.length === 0 || this.rarely()) entries.push(["name", this.string()]);
    return this.shuffled(entries);
  }

  private containers(): Json {
    return Array.from({ length: 1 + this.choose(2) }, (_, i) => ({
      name: `c${i}`,
      image: this.string(),
      ...(this.rarely() ? { args: [this.string(), this.string()] } : {}),
      ...(this.rarely() ? { env: [{ name: "A", value: this.string() }] } : {}),
    }));
  }

  private extras(): Entries {
    return Array.from({ length: this.choose(3) }, (_, i) => [
      `${this.pick(["x", "nodeSelector", "a key", "on", "1"])}${i}`,
      this.pick<Json>([
        1,
        true,
        null,
        [],
        {},
        [[1, "b"], { q: "r" }],
        { deep: { deeper: this.string() } },
        this.string(),
        "1_000",
      ]),
    ]);
  }

  private nothing(): Json | Special {
    this.isBlock = false;
    switch (this.choose(4)) {
      case 0:
        return { special: "nothing" };
      case 1:
        return { special: "tilde" };
      default:
        return null;
    }
  }

  /** The lines of a block mapping, each ended. */
  private block(entries: Entries, column: number, first = false): string {
    return entries
      .map(([key, value], i) => {
        const lead = i === 0 && first ? "" : this.between(column) + " ".repeat(column);
        return `${lead}${this.key(key)}:${this.value(value, column, false, key)}`;
      })
      .join("");
  }

  private blockItems(items: readonly (Json | Special)[], column: number, first = false): string {
    return items
      .map((item, i) => {
        const lead = i === 0 && first ? "" : this.between(column) + " ".repeat(column);
        const gap = this.wild ? 2 + this.choose(2) : this.gap;
        if (isFilled(item) && this.often()) {
          const inner = column + gap;
          const text = Array.isArray(item)
            ? this.blockItems(item, inner, true)
            : this.block(entriesOf(item), inner, true);
          return `${lead}-${" ".repeat(gap - 1)}${text}`;
        }
        return `${lead}-${this.value(item, column, true, "")}`;
      })
      .join("");
  }

  /** What follows a colon or a dash, with the rest of its line and the lines below. */
  private value(value: Json | Special, column: number, isItem: boolean, key: string): string {
    if (isSpecial(value) && value.special === "nothing") return this.comment() + this.eol;
    if (isSpecial(value) && value.special === "tilde")
      return ` ${this.pick(["~", "Null"])}${this.comment()}${this.eol}`;
    if (isSpecial(value) && value.special === "alias") return this.alias(column);
    if (!isFilled(value)) {
      return typeof value === "string"
        ? this.scalar(value, column, key)
        : ` ${this.empty(value)}${this.comment()}${this.eol}`;
    }
    if (this.isFlowNow()) {
      this.isBlock = false;
      return ` ${this.flow(plainOf(value), column)}${this.comment()}${this.eol}`;
    }
    const anchor = this.anchor(key);
    const head = anchor + this.comment() + this.eol;
    const step = this.wild ? 1 + this.choose(4) : this.step;
    if (Array.isArray(value)) {
      const dash = isItem ? this.step : this.wild ? this.choose(3) : this.dash;
      return head + this.blockItems(value, column + dash);
    }
    return head + this.block(entriesOf(value), column + step);
  }

  private alias(column: number): string {
    this.isBlock = false;
    this.mayRefuse = true;
    const name = this.anchors.at(-1);
    if (name !== undefined) return ` *${name}${this.comment()}${this.eol}`;
    return this.eol + this.block([["app", "web"]], column + this.step);
  }

  private anchor(key: string): string {
    if (!["labels", "matchLabels", "template", "containers"].includes(key) || !this.rarely()) return "";
    this.mayRefuse = true;
    const name = `a${this.anchors.length}`;
    if (key.endsWith("abels")) this.anchors.push(name);
    return ` &${name}`;
  }

  private isFlowNow(): boolean {
    return this.choose(8) === 7;
  }

  private empty(value: Json): string {
    if (Array.isArray(value)) return this.pick(["[]", "[ ]"]);
    return typeof value === "object" && value !== null ? this.pick(["{}", "{ }"]) : String(value);
  }

  private flow(value: Json, column: number): string {
    const style = this.choose(3);
    if (style === 0) return JSON.stringify(value);
    const lines = style === 2;
    const quote = this.often();
    const print = (inner: Json, at: number): string => {
      const lead = lines ? `${this.eol}${" ".repeat(at + 2)}` : "";
      const end = lines ? this.eol + " ".repeat(at) : "";
      const comma = lines ? "," : ", ";
      if (typeof inner !== "object" || inner === null)
        return quote || typeof inner !== "string" || !/^[a-z]\w*$/.test(inner)
          ? JSON.stringify(inner)
          : inner;
      const parts = Array.isArray(inner)
        ? inner.map((item: Json) => lead + print(item, at + 2))
        : Object.entries(inner).map(
            ([key, item]) =>
              `${lead}${quote || !/^[a-z]\w*$/.test(key) ? JSON.stringify(key) : key}: ${print(item, at + 2)}`,
          );
      if (parts.length === 0) return Array.isArray(inner) ? "[]" : "{}";
      const trailing = !lines || this.often() ? "" : this.pick([",", " # last", ", # last"]);
      const text = parts.join(comma) + trailing + end;
      const pad = !lines && this.rarely() ? " " : "";
      return Array.isArray(inner) ? `[${pad}${text}${pad}]` : `{${pad}${text}${pad}}`;
    };
    return print(value, column + 2);
  }

  private scalar(value: string, column: number, key: string): string {
    const body = " ".repeat(column + this.step);
    const after = this.comment() + this.eol;
    // What an object is must not get a line break, as block scalars would give it.
    const isIdentity = ["apiVersion", "kind"].includes(key);
    switch (isIdentity ? 5 : this.choose(8)) {
      case 0:
        return ` '${value.replaceAll("'", "''").replaceAll("\n", " ")}'${after}`;
      case 1: {
        const chomp = this.pick(["", "-", "+"]);
        return ` |${chomp}${after}${body}${value.replaceAll("\n", this.eol + body)}${this.eol}${this.pick(["", "", this.eol])}`;
      }
      case 2:
        return ` >${this.pick(["", "-", "+"])}${after}${body}${value.replaceAll("\n", this.eol + body)}${this.eol}`;
      case 3:
        return ` |${this.step}${this.eol}${body}  indented${this.eol}${body}${value.replaceAll("\n", this.eol + body)}${this.eol}`;
      case 4:
        return ` ${value.replace(/[^a-z]/g, "x") || "x"}${this.eol}${body}goes on${after}`;
      case 5:
        return /^[a-z][a-z]*$/.test(value) ? ` ${value}${after}` : ` ${JSON.stringify(value)}${after}`;
      default:
        return ` ${JSON.stringify(value)}${after}`;
    }
  }

  private key(key: string): string {
    switch (this.choose(10)) {
      case 8:
        return JSON.stringify(key);
      case 9:
        return `'${key}'`;
      default:
        return key;
    }
  }

  /** Comments and empty lines before an entry or item in `column`. */
  private between(column: number): string {
    switch (this.choose(9)) {
      case 6:
        return this.eol;
      case 7:
        return `${" ".repeat(column)}# a comment${this.eol}`;
      case 8:
        return `${this.eol}${" ".repeat(this.choose(column + 4))}# - elsewhere: "x"${this.eol}`;
      default:
        return "";
    }
  }

  private comment(): string {
    return this.rarely() ? this.pick([" # why", "  #", " # [] {}", " # null"]) : "";
  }

  private string(): string {
    return this.pick([
      "web",
      "on",
      "a: b",
      "# no comment",
      "1_000",
      "0o17",
      "two\nlines",
      "{{ x }}",
      "---",
      "é😀",
      "x".repeat(90),
    ]);
  }

  private shuffled(entries: Entries): Entries {
    if (this.often()) return entries;
    const [first, ...rest] = entries;
    return first ? [...rest, first] : entries;
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.choose(from.length)] as T;
  }

  private rarely(): boolean {
    return this.choose(4) === 3;
  }

  private often(): boolean {
    return this.choose(4) !== 3;
  }
}

const isFilled = (value: Json | Special): value is Json[] | { [key: string]: Json } | Special =>
  isSpecial(value)
    ? value.special === "map"
    : typeof value === "object" && value !== null && Object.keys(value).length > 0;

const entriesOf = (value: Json | Special): Entries =>
  isSpecial(value) ? (value.entries ?? []) : Object.entries(value as { [key: string]: Json });

/** A value for places where only plain values go. */
function plainOf(value: Json | Special): Json {
  if (isSpecial(value)) {
    return value.special === "map"
      ? Object.fromEntries(entriesOf(value).map(([key, inner]) => [key, plainOf(inner)]))
      : null;
  }
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainOf(inner)]));
  }
  return value;
}

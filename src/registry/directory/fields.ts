import { describe, type Mistake, type Value } from "../../manifest/index.js";

/**
 * Reads the fields of one map and notes what is wrong with them. A field that is missing or wrong reads as undefined, and
 * the mistake names its path from the top of the document (`spec.ports[0].port`).
 */
export class Fields {
  private constructor(
    private readonly value: Value & { kind: "map" },
    private readonly path: string,
    private readonly mistakes: Mistake[],
  ) {}

  /** Reads a value that should be a map. */
  static of(value: Value, path: string, mistakes: Mistake[]): Fields | undefined {
    if (value.kind === "map") return new Fields(value, path, mistakes);
    mistakes.push({
      line: value.line,
      message: `${path || "document"}: found ${describe(value)}; expected a map`,
    });
    return undefined;
  }

  get line(): number {
    return this.value.line;
  }

  get keys(): Iterable<string> {
    return this.value.entries.keys();
  }

  /** The line of a field, or of the map when there is no such field. */
  lineOf(key: string): number {
    return this.get(key)?.line ?? this.line;
  }

  /** Notes what is wrong with a field, beside what the reading methods note. */
  wrong(key: string, expected: string): void {
    const value = this.get(key);
    const found = value ? describe(value) : "nothing";
    const message = `${this.pathOf(key)}: found ${found}; expected ${expected}`;
    this.mistakes.push({ line: value?.line ?? this.line, message });
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  map(key: string, expected: string): Fields | undefined {
    const value = this.get(key);
    if (value?.kind === "map") return new Fields(value, this.pathOf(key), this.mistakes);
    this.wrong(key, expected);
    return undefined;
  }

  /** A field with all that is in it; notes when there is none. */
  any(key: string, expected: string): Value | undefined {
    const value = this.get(key);
    if (!value) this.wrong(key, expected);
    return value;
  }

  /** Notes a mistake that was found by other means. */
  note(mistake: Mistake): void {
    this.mistakes.push(mistake);
  }

  /** The maps in a list. Those that are none are noted and left out. */
  maps(key: string, expected: string): Fields[] | undefined {
    const value = this.get(key);
    if (value?.kind !== "list") {
      this.wrong(key, expected);
      return undefined;
    }
    return value.items.flatMap((item, index) => {
      const fields = Fields.of(item, `${this.pathOf(key)}[${index}]`, this.mistakes);
      return fields ? [fields] : [];
    });
  }

  /** A string that passes the test. */
  string(key: string, expected: string, test: (text: string) => boolean): string | undefined {
    const value = this.scalar(key);
    if (typeof value === "string" && test(value)) return value;
    this.wrong(key, expected);
    return undefined;
  }

  /** A number that passes the test. */
  number(key: string, expected: string, test: (value: number) => boolean): number | undefined {
    const value = this.scalar(key);
    if (typeof value === "number" && test(value)) return value;
    this.wrong(key, expected);
    return undefined;
  }

  /** The field's value when it is neither a map nor a list; notes nothing. */
  scalar(key: string): string | number | boolean | undefined {
    const value = this.get(key);
    return value?.kind === "scalar" ? (value.value ?? undefined) : undefined;
  }

  /** Notes every field that is not one of `known`. */
  only(...known: string[]): void {
    for (const key of this.keys) {
      if (known.includes(key)) continue;
      const message = `${this.pathOf(key)}: no such field; expected ${known.join(", ")}`;
      this.mistakes.push({ line: this.lineOf(key), message });
    }
  }

  private get(key: string): Value | undefined {
    const value = this.value.entries.get(key);
    return value?.kind === "scalar" && value.value === null ? undefined : value;
  }

  private pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }
}

/** A map of strings to strings, as labels are. */
export function readLabels(fields: Fields, key: string): Record<string, string> {
  const labels = fields.map(key, "labels (a map of strings)");
  const read: Record<string, string> = {};
  for (const label of labels?.keys ?? []) {
    const value = labels?.string(label, "a string (in quotes where it looks like a number)", () => true);
    if (value !== undefined) read[label] = value;
  }
  return read;
}

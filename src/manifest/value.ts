/** A value of a manifest, and the line (from 1) where it stands. */
export type Value = { line: number } & (
  | { kind: "map"; entries: ReadonlyMap<string, Value> }
  | { kind: "list"; items: readonly Value[] }
  | { kind: "scalar"; value: string | number | boolean | null }
);

/** Something wrong in a manifest. */
export interface Mistake {
  /** From 1. */
  line: number;
  /** What was found and what was expected. */
  message: string;
}

/** A value as a message about it shows it. */
export function describe(value: Value): string {
  switch (value.kind) {
    case "map":
      return "a map";
    case "list":
      return "a list";
    case "scalar":
      return value.value === null ? "nothing" : JSON.stringify(value.value);
  }
}

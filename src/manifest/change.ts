import type { Json, Path } from "./json.js";

/**
 * One thing to add to an object; nothing that is there is ever replaced, but for what is empty (null, `[]`, `{}`).
 * Paths start at the object's root. Mappings and sequences that are missing on the way are made. Additions apply
 * one after another, so a path may lead into what an earlier one added, and of two items added at a sequence's
 * start the later one comes first.
 */
export type Addition =
  /** An entry at the end of the mapping at `path`, which must not have the key yet. */
  | { readonly kind: "entry"; readonly path: Path; readonly key: string; readonly value: Json }
  /** An item of the sequence at `path`. */
  | { readonly kind: "item"; readonly path: Path; readonly at: "start" | "end"; readonly value: Json };

/**
 * One thing to take away from an object again; what is not there needs no taking away. A mapping or sequence that has
 * nothing left goes too, and what held it if that has nothing left either.
 */
export type Removal =
  /** The entry of the mapping at `path`. */
  | { readonly kind: "entry"; readonly path: Path; readonly key: string }
  /** Those items of the sequence at `path` whose `name` this is. */
  | { readonly kind: "item"; readonly path: Path; readonly name: string }
  /** The entry that `withRecord` made; with it, what was empty before is brought back as it was. */
  | { readonly kind: "record"; readonly path: Path; readonly key: string };

import type { Failure } from "../output/index.js";

/** Something that manifests are read from. */
export type Input =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "stdin" }
  /** A word of the command line that leads to nothing. */
  | { readonly kind: "nothing"; readonly word: string; readonly failure: Failure };

/** How messages call an input. */
export function nameOf(input: Input): string {
  switch (input.kind) {
    case "file":
      return input.path;
    case "url":
      return input.url;
    case "stdin":
      return "standard input";
    case "nothing":
      return input.word;
  }
}

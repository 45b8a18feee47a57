import { type Document, type Node } from "yaml";
import { readNode, Refused, type Reading } from "./reading.js";
import type { Refusal } from "./refusal.js";
import { composeDocument } from "./schema.js";
import type { Source } from "./source.js";
import { readUsual } from "./usual.js";

/** A document's nodes, with their places in its text, and what they mean. */
export interface Parsed extends Reading {
  readonly root: Node | null;
}

const HELM_HINT = "render the template first: helm template … | mesh inject -";

/** Parses the one document of `source`. */
export function parse(source: Source): Parsed | Refusal {
  try {
    const root = readUsual(source.text) ?? compose(source);
    return { root, ...readNode(root, source) };
  } catch (error) {
    if (error instanceof Refused) return withHint(source, error.refusal);
    if (error instanceof RangeError) return source.refusal(0, "nested too deeply to be read");
    throw error;
  }
}

/** Throws Refused for what is no YAML. */
function compose(source: Source): Node | null {
  const { contents, errors } = composeDocument(source.text);
  const error = errors[0];
  if (error) throw new Refused(source.refusal(...explain(error, source)));
  return contents;
}

function explain(
  { code, pos, message }: Document["errors"][number],
  source: Source,
): [at: number, message: string, hint: string | undefined] {
  const at = Math.min(pos[0], Math.max(0, source.text.length - 1));
  const carriageReturn = LONE_CARRIAGE_RETURN.exec(source.text);
  if (carriageReturn) {
    return [carriageReturn.index, "a carriage return without a line feed", "end lines with LF or CRLF"];
  }
  const [what, hint] = EXPLANATIONS[code] ?? [`no valid YAML: ${message}`];
  return [at, what, hint];
}

const LONE_CARRIAGE_RETURN = /\r(?!\n)/;

/** What mistakes look like to those who make them. */
const EXPLANATIONS: Partial<Record<string, readonly [string, string?]>> = {
  TAB_AS_INDENT: ["a tab in the indentation; YAML indents by spaces", "replace the tab by spaces"],
  BLOCK_AS_IMPLICIT_KEY: [
    "a second mapping in one line, or a line below that is indented deeper than its neighbours",
    "quote the value if it has a colon in it; check the indentation of this line and the next",
  ],
  MULTILINE_IMPLICIT_KEY: [
    "neither an entry (key: value) nor an item (- value) of YAML",
    "is this a manifest?",
  ],
};

function withHint(source: Source, refusal: Refusal): Refusal {
  if (refusal.hint !== undefined || !/\{\{.*\}\}/.test(source.text)) return refusal;
  return { ...refusal, hint: HELM_HINT };
}

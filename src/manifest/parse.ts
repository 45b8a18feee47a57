import { parseDocument, Schema, type Document, type Node, type ScalarTag, type Tags } from "yaml";
import { readNode, Refused, type Reading } from "./reading.js";
import type { Refusal } from "./refusal.js";
import type { Source } from "./source.js";

/** A document's nodes, with their places in its text, and what they mean. */
export interface Parsed extends Reading {
  readonly root: Node | null;
}

type Tag = Tags[number];

function isJsonType(tag: Tag): boolean {
  if (typeof tag === "string") return true;
  const isSexagesimal = "format" in tag && tag.format === "TIME";
  return !isSexagesimal && !/:(?:timestamp|binary|omap|pairs|set)$/.test(tag.tag);
}

const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9_]*)$/;
const FLOAT_WITH_EXPONENT = /^[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)[eE][-+]?[0-9]+$/;

/** The parser takes a lone `.` and words like `E1` for numbers of YAML 1.1. */
function withStrictFloat(tag: Tag): Tag {
  if (!isFloat(tag)) return tag;
  if (tag.test.test("E1")) return { ...tag, test: FLOAT_WITH_EXPONENT };
  return tag.test.test(".") ? { ...tag, test: FLOAT } : tag;
}

const isFloat = (tag: Tag): tag is ScalarTag & { test: RegExp } =>
  typeof tag !== "string" && tag.tag === "tag:yaml.org,2002:float" && "test" in tag;

/** Kubernetes reads YAML 1.1, but neither its sexagesimal numbers nor its types beyond JSON's. */
const KUBERNETES_SCHEMA = new Schema({
  schema: "yaml-1.1",
  merge: true,
  customTags: (tags) => tags.filter(isJsonType).map(withStrictFloat),
});

const HELM_HINT = "render the template first: helm template … | mesh inject -";

/** Parses the one document of `source`. */
export function parse(source: Source): Parsed | Refusal {
  try {
    const document = parseDocument(source.text, {
      schema: KUBERNETES_SCHEMA,
      keepSourceTokens: true,
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: "silent",
    });
    const error = document.errors[0];
    if (error) return withHint(source, source.refusal(...explain(error, source)));
    const root = rootOf(document);
    return { root, ...readNode(root, source) };
  } catch (error) {
    if (error instanceof Refused) return withHint(source, error.refusal);
    if (error instanceof RangeError) return source.refusal(0, "nested too deeply to be read");
    throw error;
  }
}

const rootOf = ({ contents }: Document): Node | null => contents;

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

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
): [number, string, string?] {
  const at = Math.min(pos[0], Math.max(0, source.text.length - 1));
  switch (code) {
    case "TAB_AS_INDENT":
      return [at, "a tab in the indentation; YAML indents by spaces", "replace the tab by spaces"];
    default:
      return [at, `no valid YAML: ${message}`];
  }
}

function withHint(source: Source, refusal: Refusal): Refusal {
  if (refusal.hint !== undefined || !/\{\{.*\}\}/.test(source.text)) return refusal;
  return { ...refusal, hint: HELM_HINT };
}

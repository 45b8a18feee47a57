import { parseDocument, Schema, type Document, type ScalarTag, type Tags } from "yaml";

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

/** The one document that a text holds, with its tokens and its errors. */
export const composeDocument = (text: string): Document =>
  parseDocument(text, {
    schema: KUBERNETES_SCHEMA,
    keepSourceTokens: true,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: "silent",
  });

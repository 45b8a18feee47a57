import { CommentedDocument, type Json, type Path, valueAt } from "../../manifest/index.js";
import { template } from "../../templates/index.js";
import type { JsonSchema } from "./schema.js";
import { defaultValues } from "./values.js";
import { VALUES_SCHEMA } from "./values-schema.js";

/** The schema for editors and other programs, JSON Schema of draft 2020-12: with what each value is for, and its default. */
export function publishedSchema(): Json {
  const comments = new CommentedDocument(template("values.yaml"));
  const defaults = defaultValues();
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Values of mesh install",
    ...published(VALUES_SCHEMA.json, [], { comments, defaults }),
  };
}

interface Texts {
  readonly comments: CommentedDocument;
  readonly defaults: Json;
}

function published(schema: JsonSchema, path: Path, texts: Texts): Record<string, Json> {
  const { properties, items, additionalProperties, ...rest } = schema;
  const description = texts.comments.commentOf(path);
  const isMap = properties !== undefined;
  const fallback = isMap ? undefined : valueAt(texts.defaults, path);
  return {
    ...(description !== undefined && { description }),
    ...without(rest, "expected"),
    ...(items && { items: published(items, [...path, 0], texts) }),
    ...(properties && {
      properties: mapped(properties, (key, one) => published(one, [...path, key], texts)),
    }),
    ...(additionalProperties === false && { additionalProperties }),
    ...(additionalProperties && {
      additionalProperties: published(additionalProperties, [...path, ""], texts),
    }),
    ...(fallback !== undefined && { default: fallback }),
  };
}

const mapped = <T, U>(map: Readonly<Record<string, T>>, change: (key: string, value: T) => U) =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(key, value)] as const));

const without = (map: object, key: string) =>
  Object.fromEntries(Object.entries(map).filter(([one]) => one !== key)) as Record<string, Json>;

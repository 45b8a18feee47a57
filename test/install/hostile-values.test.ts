import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { printObjects, render } from "../../src/install/index.js";
import { isArray, isObject, type Json, type Path, valueAt } from "../../src/manifest/index.js";
import { installation, SHAPES } from "./installations.js";

/** What the schema would refuse as well: a template must not be what stops it. The sidecar's options are checked once more elsewhere. */
const given = installation(SHAPES["with everything"] ?? []);
const texts = [...textsIn(given.values as unknown as Json)].filter(
  ([top, option]) => top !== "proxy" && top !== "images" && option !== "inboundTls",
);

const hostile = fc.oneof(
  fc.constantFrom(
    "a\n---\nkind: Secret\n",
    "x: y",
    "# x",
    '"',
    "'",
    "{{ x }}",
    "yes",
    "1e3",
    "\u2028",
    "\t",
    "|\n  x",
    "&a",
    "*a",
    "~",
  ),
  fc.string({ unit: "grapheme", minLength: 1 }),
);

test("no value that is a text can break the manifests, and each arrives as it is", () => {
  expect(texts.length).toBeGreaterThan(15);
  const replacements = fc.array(hostile, { minLength: texts.length, maxLength: texts.length });
  fc.assert(
    fc.property(replacements, (replaced) => {
      const values = texts.reduce<Json>(
        (before, path, index) => withText(before, path, replaced[index] ?? ""),
        given.values as unknown as Json,
      );
      const objects = render({ ...given, values: values as unknown as typeof given.values }, "without-crds");
      const withValues = objects.filter(({ metadata }) => !isNamed(metadata, "mesh-grafana-dashboards"));
      for (const version of ["1.1", "1.2"] as const) {
        expect(parsed(printObjects(withValues, "yaml"), version)).toEqual(withValues);
      }
      expect(JSON.parse(printObjects(withValues, "json"))).toMatchObject({ items: withValues });
      const kept = objects.find(
        ({ kind, metadata }) => kind === "ConfigMap" && isNamed(metadata, "mesh-values"),
      );
      const text = valueAt(kept ?? null, ["data", "values.yaml"]);
      const [stored = null] = typeof text === "string" ? parsed(text, "1.2") : [];
      expect(texts.map((path) => valueAt(stored, path))).toEqual(replaced);
    }),
    { numRuns: 8, seed: 7 },
  );
});

const parsed = (text: string, version: "1.1" | "1.2"): Json[] =>
  parseAllDocuments(text, { version, merge: false }).map((document) => (document as { toJS(): Json }).toJS());

const isNamed = (metadata: Json | undefined, name: string) => isObject(metadata) && metadata["name"] === name;

function* textsIn(value: Json, path: Path = []): Generator<Path> {
  if (typeof value === "string") yield path;
  else if (isArray(value))
    for (const [index, item] of value.entries()) yield* textsIn(item, [...path, index]);
  else if (isObject(value))
    for (const [key, inner] of Object.entries(value)) yield* textsIn(inner, [...path, key]);
}

function withText(value: Json, [step, ...rest]: Path, text: string): Json {
  if (step === undefined) return text;
  if (isArray(value)) return value.map((item, index) => (index === step ? withText(item, rest, text) : item));
  return isObject(value) ? { ...value, [step]: withText(value[step] ?? null, rest, text) } : value;
}

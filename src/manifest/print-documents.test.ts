import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { type JsonObject, plainOf, printDocuments, readManifest } from "./index.js";

/** What has ended, begun or changed a value in one YAML reader or another. */
const HOSTILE = [
  ..."yes|no|on|off|y|n|null|~|true|False|.nan|.inf|0x1f|0o17|017|1_000|12:30:45|1e3|+1|-0|2001-01-01|<<|=".split(
    "|",
  ),
  ...[
    "",
    " ",
    "  a",
    "a  ",
    "\n",
    "a\n",
    "a\n\n",
    "\na\n",
    " a\nb\n",
    "a\n\tb\n",
    "a\r\nb\r\n",
    "\t",
    "# a",
    "a #b",
    "a: b",
    ": a",
  ],
  ...[
    "- a",
    "---",
    "...",
    "--- a\n",
    "a\n---\nb\n",
    "%YAML 1.1",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "{a: b}",
    "[a]",
    "'",
    '"',
    "`",
    "@",
  ],
  ...[
    "{{ a }}",
    "$(a)",
    "${a}",
    "\\",
    "\\n",
    "\u0000",
    "\u0007",
    "\u0085",
    "\u00a0",
    "\u00ad",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "😀",
    "é\n",
  ],
];

const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary" }), fc.string());
const hostile = fc.oneof(
  text,
  fc.tuple(text, text).map(([a, b]) => a + b),
  fc.tuple(text, text).map(([a, b]) => `${a}\n${b}\n`),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    hostile,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie("list"),
    tie("map"),
  ),
  list: fc.array(tie("any"), { maxLength: 4 }),
  map: fc.dictionary(
    hostile.filter((key) => key !== "__proto__"),
    tie("any"),
    { maxKeys: 4, noNullPrototype: true },
  ),
}));

test("whatever characters values and keys have, every YAML reader gets them back", () => {
  fc.assert(
    fc.property(
      fc.array(value.map as fc.Arbitrary<JsonObject>, { minLength: 1, maxLength: 3 }),
      (objects) => {
        const printed = printDocuments(objects);
        for (const version of ["1.1", "1.2"] as const) {
          const documents = parseAllDocuments(printed, { version, merge: false });
          expect(
            documents.map((document) => ("errors" in document ? document.toJS() : document) as unknown),
          ).toEqual(objects);
        }
        // What a strict reader refuses to find outside of an escape.
        expect(printed).toMatch(/^[\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
      },
    ),
    { numRuns: 300, seed: 5 },
  );
});

test("texts of several lines stand as they are, so that a difference shows the line", () => {
  const objects = [{ data: { rules: "groups:\n  - name: a\n\n    b: c  # d\n" } }];
  expect(printDocuments(objects)).toBe(
    "data:\n  rules: |\n    groups:\n      - name: a\n\n        b: c  # d\n",
  );
  expect(readManifest(printDocuments(objects)).documents.map(plainOf)).toEqual(objects);
});

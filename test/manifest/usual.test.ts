import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isCollection, isScalar, type Node } from "yaml";
import {
  endsInOpenScalar,
  isFlow,
  isMapNode,
  isSequenceNode,
  itemEnd,
  itemStart,
  nodeEnd,
  pairEnd,
  pairStart,
  pairToken,
} from "../../src/manifest/layout.js";
import { readNode, Refused } from "../../src/manifest/reading.js";
import { composeDocument } from "../../src/manifest/schema.js";
import { Source } from "../../src/manifest/source.js";
import { splitDocuments } from "../../src/manifest/split.js";
import { readUsual } from "../../src/manifest/usual.js";
import { randomManifest } from "./random-manifest.js";

/** For a long run by hand. */
const RUNS = Number(process.env["MESH_TEST_RUNS"] ?? 300);
const SEED = Number(process.env["MESH_TEST_SEED"] ?? 1);

const FIXTURES = ["inject", "install"]
  .flatMap((folder) => {
    const path = new URL(`../fixtures/${folder}/`, import.meta.url);
    return readdirSync(path)
      .filter((name) => name.endsWith(".yaml"))
      .flatMap((name) => [...splitDocuments(readFileSync(new URL(name, path), "utf8"))]);
  })
  .map(({ text }) => text);

/** All that an edit asks of a node and of what is in it. */
function seen(node: Node | null, source: Source): unknown {
  const places = { end: nodeEnd(node, source), open: endsInOpenScalar(node) };
  if (isScalar(node)) return { ...places, value: node.value, range: node.range?.slice(0, 2) };
  if (!isCollection(node)) return { ...places, start: node?.range?.[0] };
  const around = { ...places, start: node.range?.[0], flow: isFlow(node as never), anchor: node.anchor };
  if (isSequenceNode(node)) {
    const items = node.items.map((item, i) => ({
      start: itemStart(node, i),
      end: itemEnd(node, i, source),
      item: seen(item, source),
    }));
    return { ...around, items };
  }
  if (!isMapNode(node)) return around;
  const entries = node.items.map((pair) => ({
    start: pairStart(pair),
    end: pairEnd(pair, source),
    colon: pairToken(pair)?.sep?.find(({ type }) => type === "map-value-ind")?.offset,
    key: seen(pair.key, source),
    value: seen(pair.value, source),
  }));
  return { ...around, entries };
}

function meaning(root: Node | null, source: Source): unknown {
  try {
    return readNode(root, source).value;
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** True when the text was read; what was read is what the parser of all of YAML reads. */
function isReadRight(text: string): boolean {
  const root = readUsual(text);
  if (!root) return false;
  const { contents, errors } = composeDocument(text);
  const source = new Source(text, 1);
  expect(errors, text).toEqual([]);
  expect(seen(root, source), text).toEqual(seen(contents, source));
  expect(meaning(root, source), text).toEqual(meaning(contents, source));
  return true;
}

test("what is written as most manifests are is read as the parser of all of YAML reads it", () => {
  const read = FIXTURES.filter(isReadRight);
  expect(read.length).toBeGreaterThan(FIXTURES.length / 2);
});

test("manifests of any style are read the same, or left to the parser", () => {
  fc.assert(
    fc.property(randomManifest, ({ text }) => {
      for (const { text: part } of splitDocuments(text)) isReadRight(part);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
});

const SCALARS = [
  "a", "on", "Null", "~", "0", "017", "0o17", "0x1F", "1_000", "1:30", "-1", "+1", ".5", "1e3", "E1", ".", "..", "...", "---", "--- a",
  "-", "- a", "-- a", "<<", "=", "!x", "&a", "&a b", "*a", "{{ x }}", "{}", "[ ]", "[a, 'b', \"c\"] # d", "{a: [b, {c: d}], e: }", "[a", "a]",
  "[&a b, *a]", "{a: b}x", "[a]: b", '"a b"', '"a\\n"', '"a" b', '"a"#b', '"a" # b', "'a'", "'a''b'", "'a", "a # b", "a# b", "a b: c", "a:b", "a: b",
  "a:", "a, b", "a 'b'", "?", "? a", ": a", "a  ", "  a", "#", "# a", "%a", "@a", "`a", "|", "|-", "|+", "| # a", "|2", ">", ">-", "é", "$(A)", "/a/b",
  "2026-01-01", "2026-01-01T00:00:00Z", ".inf", ".NaN", "12345678901234567890", "y", "N", "null", "<", "(a)", "a: 'b'", "a\\b", 'a"b"', "__proto__",
]; // prettier-ignore

const often = (word: string): string[] => Array.from({ length: 12 }, () => word);
const KEYS = ["a: ", "b: ", "c-d: ", "e.f/g: ", "h:i: ", '"j": ', "'k l': ", "m:", "n: "];

/** A line that fits below many another one. */
const line = fc
  .tuple(
    fc.constantFrom(...often(""), ...often("  "), "    ", " ", "      "),
    fc.constantFrom(...often(""), "- ", "- ", "-   ", "- - "),
    fc.constantFrom(...KEYS, ...KEYS, "", "on: ", "f:", "g:h", "<<: ", "? ", "1: "),
    fc.oneof(fc.constantFrom("", "x"), fc.constantFrom(...SCALARS)),
    fc.constantFrom(...often(""), " ", " # x", "  #", "\n"),
  )
  .map(([indent, dash, key, value, end]) => indent + dash + key + value + end);

test("lines at random are read the same, or left to the parser", () => {
  let read = 0;
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...often(""), "---\n", "# a\n", " ---\n", "\n"),
      fc.constantFrom(...often("\n"), "\n\n", "", "\n# z\n"),
      (lines, start, end) => {
        if (isReadRight(start + lines.join("\n") + end)) read++;
      },
    ),
    { numRuns: RUNS * 20, seed: SEED, endOnFailure: true },
  );
  expect(read).toBeGreaterThan(RUNS / 2);
});

test("a manifest in which a line was changed is read the same, or left to the parser", () => {
  let read = 0;
  fc.assert(
    fc.property(fc.constantFrom(...FIXTURES), fc.nat(), fc.nat(3), line, (text, at, how, other) => {
      const lines = text.split("\n");
      const index = at % lines.length;
      const old = lines[index] ?? "";
      if (how === 0) lines.splice(index, 0, other);
      else if (how === 1) lines[index] = ` ${old}`;
      else if (how === 2) lines[index] = old.replace(/\S.*$/, other.trimStart());
      else lines[index] = old.slice(0, (at * 7) % (old.length + 1));
      if (isReadRight(lines.join("\n"))) read++;
    }),
    { numRuns: RUNS * 2, seed: SEED, endOnFailure: true },
  );
  expect(read).toBeGreaterThan(RUNS / 4);
});

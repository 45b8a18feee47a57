import { expect, test } from "vitest";
import { readManifest, type Value } from "./index.js";

const at = (value: Value | undefined, ...path: (string | number)[]): Value | undefined =>
  path.reduce<Value | undefined>((found, step) => {
    if (found?.kind === "map") return found.entries.get(String(step));
    return found?.kind === "list" ? found.items[Number(step)] : undefined;
  }, value);

test("every value knows its line, over several documents and through aliases", () => {
  const { documents, mistakes } = readManifest(
    "# comment\na: 1\nb:\n  - x: &anchor deep\n---\n---\nc:\n  d: *missing\n---\ne: &e [1, two]\nf: *e\n",
  );
  expect(mistakes).toEqual([{ line: 8, message: expect.stringContaining("missing") as string }]);
  expect(documents).toHaveLength(2);
  expect(at(documents[0], "b", 0, "x")).toEqual({ kind: "scalar", value: "deep", line: 4 });
  expect(at(documents[1], "f", 1)).toEqual({ kind: "scalar", value: "two", line: 10 });
});

test("a document that is no YAML is named by line and leaves the others alone", () => {
  const { documents, mistakes } = readManifest("a: 1\n---\nb: [1,\n---\nc: 3\n");
  expect(documents.map((document) => document.line)).toContain(1);
  expect(mistakes[0]?.line).toBeGreaterThanOrEqual(3);
  expect(mistakes[0]?.message).toMatch(/^no valid YAML: /);
});

test("a key given twice is a mistake", () => {
  expect(readManifest("a: 1\nb: 2\na: 3\n").mistakes).toMatchObject([{ line: 3 }]);
});

test("aliases of aliases do not grow without bound", () => {
  const rows = Array.from({ length: 12 }, (_, i) => {
    const inner = i === 0 ? '"x"' : `*a${i - 1}`;
    return `a${i}: &a${i} [${Array<string>(10).fill(inner).join(", ")}]`;
  });
  const { documents, mistakes } = readManifest(rows.join("\n"));
  expect(documents).toEqual([]);
  expect(mistakes).toMatchObject([{ message: "too large a document" }]);
});

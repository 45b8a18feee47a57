import { expect, test } from "vitest";
import { isRefusal, ManifestDocument, readDocuments, type Addition } from "./index.js";

function add(text: string, additions: readonly Addition[]): string {
  const documents = [...readDocuments(text)].map((document) => {
    if (isRefusal(document)) throw new Error(document.message);
    return document.add(document.objects.map((object) => ({ object, change: additions })));
  });
  return documents
    .map((document) => (document instanceof ManifestDocument ? document.text : document.message))
    .join("");
}

test("additions are lines in the style of the place, and nothing else changes", () => {
  const before = [
    "# shop",
    "apiVersion: v1",
    "kind: Pod # one",
    "spec:",
    "  containers:",
    "  - name: web",
    "    # ports: []",
    "",
    "  # those of the node",
    "  volumes:",
    "---",
    "# nothing",
  ];
  const after = add(before.join("\n"), [
    { kind: "item", path: ["spec", "containers"], at: "end", value: { name: "mesh-proxy", args: ["on"] } },
    { kind: "entry", path: ["metadata", "labels"], key: "mesh.dev/on", value: "yes" },
  ]);
  expect(after.split("\n")).toEqual(
    before.flatMap((line) => {
      if (line.includes("# ports")) return [line, "  - name: mesh-proxy", "    args:", '    - "on"'];
      return line === "  volumes:" ? [line, "metadata:", "  labels:", '    mesh.dev/on: "yes"'] : [line];
    }),
  );
});

test("words that look like numbers to some parsers are the words that they are", () => {
  const [document] = readDocuments(
    "apiVersion: v1\nkind: Pod\nargs: [E1, ., 1e3, 0x1F, 1.5, on, 2001-01-01, 1:30]\n",
  );
  expect(document && !isRefusal(document) && document.objects[0]?.value["args"]).toEqual([
    "E1",
    ".",
    1000,
    31,
    1.5,
    true,
    "2001-01-01",
    "1:30",
  ]);
});

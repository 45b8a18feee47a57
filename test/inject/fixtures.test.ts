// To write the expected files anew, and see in git what a change means: npx vitest run test/inject/fixtures.test.ts -u
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  asJsonPatch,
  flagContext,
  injecting,
  KNOWN_KINDS,
  plan,
  uninjecting,
} from "../../src/inject/index.js";
import { isRefusal, type Json, readDocuments } from "../../src/manifest/index.js";
import { patched } from "./json-patch.js";

const folder = fileURLToPath(new URL("../fixtures/inject/", import.meta.url));
const names = readdirSync(folder).filter((name) => !name.includes(".injected."));
const context = flagContext({ given: {}, podTemplatePaths: [], version: "1.2.3" });

const read = (name: string) => readFileSync(folder + name, "utf8");

function injected(text: string): string {
  const edited = injecting(context)(text);
  if (!edited.ok) throw new Error(edited.mistakes.map(({ message }) => message).join("; "));
  return edited.text;
}

/** The objects of a text as Kubernetes reads them. */
function objectsOf(text: string): Json[] {
  return [...readDocuments(text)].flatMap((document) => {
    if (isRefusal(document)) throw new Error(document.message);
    return document.objects.map(({ value }) => value);
  });
}

it("there are fixtures", () => expect(names.length).toBeGreaterThan(15));

describe.each(names)("%s", (name) => {
  const before = read(name);

  it("gets the sidecar as expected", async () => {
    const expected = folder + name.replace(/(\.\w+)$/, ".injected$1");
    await expect(injected(before)).toMatchFileSnapshot(expected);
  });

  it("gets the same by edit and by JSON Patch", () => {
    const byPatch = objectsOf(before).map((object) =>
      patched(object, asJsonPatch(object, plan(object, context))),
    );
    expect(objectsOf(injected(before))).toEqual(byPatch);
  });

  it("is the same after a second run, and as it was without the sidecar", () => {
    const after = injected(before);
    expect(injected(after)).toBe(after);
    expect(uninjecting(KNOWN_KINDS)(after)).toMatchObject({ ok: true, text: before });
  });

  // Brackets and braces have to be opened where they stand.
  if (name === "flow.yaml" || name.endsWith(".json")) return;
  it("keeps every line that it has", () => {
    const lines = injected(before).split("\n");
    const kept = before.split("\n").every((line) => {
      const at = lines.indexOf(line);
      if (at >= 0) lines.splice(0, at + 1);
      return at >= 0;
    });
    expect(kept).toBe(true);
  });
});

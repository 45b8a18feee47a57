import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { printObjects, readInstallation, render, type ValueSources } from "./index.js";
import { publishedSchema } from "./values/index.js";

const NOTHING: ValueSources = { flags: {}, files: [], sets: [] };
const VERSION = "1.2.3";

/** Set, the files are written instead of compared. */
const RENEW = process.env["RENEW"] !== undefined;

test.each([
  ["test/fixtures/install/default.yaml", NOTHING],
  ["test/fixtures/install/ha.yaml", { ...NOTHING, flags: { ha: true } }],
])(
  "%s is what an installation of these values is (RENEW=1 npx vitest run src/install writes it)",
  (path, sources) => {
    expectFile(path, manifests(sources));
  },
);

test("templates/values.schema.json is the schema (RENEW=1 npx vitest run src/install writes it)", () => {
  expectFile("templates/values.schema.json", `${JSON.stringify(publishedSchema(), null, 2)}\n`);
});

function expectFile(path: string, content: string): void {
  const url = new URL(`../../${path}`, import.meta.url);
  if (RENEW) writeFileSync(url, content);
  expect(content).toBe(readFileSync(url, "utf8"));
}

function manifests(sources: ValueSources): string {
  const installation = readInstallation(sources, VERSION);
  if (!installation.ok) throw new Error(installation.error.join("\n"));
  return printObjects(render(installation.value), "yaml");
}

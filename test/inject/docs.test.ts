import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OPTION_LIST } from "../../src/inject/index.js";

it("docs/inject.md has the table of the options that there are", () => {
  const rows = OPTION_LIST.map(({ name, type, fallback, meaning }) => {
    const value = fallback === "" ? "none" : `\`${fallback}\``;
    return `| \`${name}\` ${type.placeholder.replaceAll("|", "\\|")} | ${value} | ${meaning} |`;
  });
  const table = ["| option | default | |", "| --- | --- | --- |", ...rows, ""].join("\n");
  expect(readFileSync(new URL("../../docs/inject.md", import.meta.url), "utf8")).toContain(table);
});

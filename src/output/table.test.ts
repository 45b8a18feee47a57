import { expect, test } from "vitest";
import { coloursFor, formatTable } from "./index.js";

interface Row {
  name: string;
  share: number;
}

const columns = [
  { heading: "NAME", value: (row: Row) => row.name },
  { heading: "SHARE", value: (row: Row) => `${row.share}%`, align: "right" as const },
];

test("columns line up and no line has trailing blanks", () => {
  const table = formatTable(columns, [
    { name: "hello", share: 100 },
    { name: "a-much-longer-name", share: 5 },
  ]);
  expect(table).toBe(
    ["NAME                 SHARE", "hello                 100%", "a-much-longer-name      5%"].join("\n"),
  );
});

test("a row is one line however long it is and whatever is in it", () => {
  const table = formatTable(columns, [{ name: `${"x".repeat(500)}\n\x1b[31m`, share: 1 }]);
  expect(table.split("\n")).toHaveLength(2);
  expect(table).toContain(`${"x".repeat(500)}\\x0a\\x1b[31m`);
});

test("columns line up by what a terminal shows", () => {
  const rows = ["µs", "e\u0301", "世界"].map((name) => ({ name, share: 1 }));
  expect(formatTable(columns, rows).split("\n").slice(1)).toEqual([
    "µs        1%",
    "e\u0301         1%",
    "世界      1%",
  ]);
});

test("colours do not move the columns", () => {
  const colours = coloursFor({ isTTY: true }, {});
  const painted = formatTable(
    [
      {
        ...columns[0],
        heading: "NAME",
        value: (row: Row) => row.name,
        paint: (text: string) => colours.red(text),
      },
      columns[1],
    ].flatMap((column) => column ?? []),
    [{ name: "hello", share: 1 }],
  );
  expect(painted).toContain("\x1b[31mhello\x1b[39m");
  expect(painted.replace(/\x1b\[\d+m/g, "")).toBe(formatTable(columns, [{ name: "hello", share: 1 }]));
});

test("without rows there are the headings", () => {
  expect(formatTable(columns, [])).toBe("NAME   SHARE");
});

test.each([
  ["a pipe", { isTTY: false }, {}],
  ["NO_COLOR", { isTTY: true }, { NO_COLOR: "1" }],
  ["a dumb terminal", { isTTY: true }, { TERM: "dumb" }],
])("no colours for %s", (_name, stream, env) => {
  expect(coloursFor(stream, env).red("text")).toBe("text");
});

import Table from "cli-table3";
import { escapeControls } from "./text.js";

/** A column of a table of `Row`s. */
export interface Column<Row> {
  heading: string;
  /** The cell's text. Control characters in it are escaped. */
  value: (row: Row) => string;
  /** Colours the finished cell. */
  paint?: (text: string, row: Row) => string;
  align?: "left" | "right";
}

const NO_BORDERS = Object.fromEntries(
  ["top", "bottom", "left", "right", "mid"].flatMap((edge) => [
    [edge, ""],
    [`${edge}-mid`, ""],
    [`${edge}-left`, ""],
    [`${edge}-right`, ""],
    [`${edge}-${edge}`, ""],
  ]),
);

/**
 * A table without borders as kubectl prints it: headings, then a line a row, three spaces between columns. It is never
 * wrapped. Without rows it is the headings alone. The last line has no line end.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const table = new Table({
    chars: { ...NO_BORDERS, middle: "   " },
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
    colAligns: columns.map((column) => column.align ?? "left"),
  });
  table.push(columns.map((column) => column.heading));
  for (const row of rows) table.push(columns.map((column) => cell(column, row)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** A table as Markdown has it: headings, alignment, then a line a row. The last line has no line end. */
export function formatMarkdownTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...rows.map((row) => line(columns.map(({ value }) => value(row)))),
  ].join("\n");
}

function cell<Row>(column: Column<Row>, row: Row): string {
  const text = escapeControls(column.value(row));
  return column.paint === undefined ? text : column.paint(text, row);
}

import stringWidth from "string-width";
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

const GAP = "   ";

/**
 * A table without borders as kubectl prints it: headings, then a line a row, three spaces between columns. It is never
 * wrapped. Without rows it is the headings alone. The last line has no line end.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = columns.map((column) => columnCells(column, rows));
  return [undefined, ...rows]
    .map((_, line) => cells.map((ofColumn) => ofColumn[line] ?? "").join(GAP))
    .map((line) => line.trimEnd())
    .join("\n");
}

/** The cells of a column, its heading first, all as wide as the widest. */
function columnCells<Row>({ heading, value, paint, align }: Column<Row>, rows: readonly Row[]): string[] {
  const texts = [heading, ...rows.map((row) => escapeControls(value(row)))];
  const widths = texts.map(displayWidth);
  const widest = widths.reduce((most, width) => Math.max(most, width), 0);
  return texts.map((text, line) => {
    const row = rows[line - 1];
    const painted = row === undefined || paint === undefined ? text : paint(text, row);
    const blanks = " ".repeat(widest - (widths[line] ?? 0));
    return align === "right" ? blanks + painted : painted + blanks;
  });
}

const PLAIN = /^[ -~]*$/;

/** How many columns of a terminal a text takes. */
const displayWidth = (text: string): number => (PLAIN.test(text) ? text.length : stringWidth(text));

/** A table as Markdown has it: headings, alignment, then a line a row. The last line has no line end. */
export function formatMarkdownTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...rows.map((row) => line(columns.map(({ value }) => value(row)))),
  ].join("\n");
}

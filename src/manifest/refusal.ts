/** Where something stands in a text. Lines and columns count from 1, columns in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Why a manifest cannot be read, or cannot be changed without risk. */
export interface Refusal extends Position {
  readonly refused: true;
  /** What is wrong there, without the position. */
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** The line in question and below it a caret under the column; control characters are shown as `·`. */
  readonly excerpt: string;
}

export const isRefusal = (value: object): value is Refusal => "refused" in value;

/** The longest part of a line that an excerpt shows. */
const EXCERPT_WIDTH = 100;

/** A line of text with a caret under its column (from 1). Of a long line the part around the column is shown. */
export function excerpt(line: string, column: number): string {
  const from = line.length <= EXCERPT_WIDTH ? 0 : Math.max(0, column - EXCERPT_WIDTH / 2);
  const shown = line
    .slice(from, from + EXCERPT_WIDTH)
    .replaceAll("\t", " ")
    .replace(/\p{C}/gu, "·");
  return `${shown}\n${" ".repeat(Math.max(0, column - 1 - from))}^`;
}

import { excerpt, type Position, type Refusal } from "./refusal.js";

const BYTE_ORDER_MARK = "\uFEFF";

/** The text of one document, and where in its file it starts. Offsets count UTF-16 units from the document's start. */
export class Source {
  private starts: number[] | undefined;

  constructor(
    readonly text: string,
    /** The line of the file (from 1) that the document's first line is. */
    readonly firstLine: number,
  ) {}

  /** Where the line that holds `offset` starts. A byte order mark stands before its line. */
  lineStart(offset: number): number {
    const start = offset === 0 ? 0 : this.text.lastIndexOf("\n", offset - 1) + 1;
    return start === 0 && this.text.startsWith(BYTE_ORDER_MARK) ? 1 : start;
  }

  /** Where the line that holds `offset` ends: behind its line break, or at the end of the text. */
  lineEnd(offset: number): number {
    const end = this.text.indexOf("\n", offset);
    return end === -1 ? this.text.length : end + 1;
  }

  /** How many characters stand before `offset` in its line. */
  column(offset: number): number {
    return offset - this.lineStart(offset);
  }

  /** The place as a person counts it, in the file. */
  position(offset: number): Position {
    const starts = (this.starts ??= lineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: this.firstLine + low, column: Math.max(0, this.column(offset)) + 1 };
  }

  refusal(offset: number, message: string, hint?: string): Refusal {
    const at = this.position(offset);
    const line = this.text.slice(this.lineStart(offset), this.lineEnd(offset)).replace(/\r?\n$/, "");
    return { refused: true, ...at, message, hint, excerpt: excerpt(line, at.column) };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

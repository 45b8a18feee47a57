import type { Printer } from "./printer.js";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
// Long lines are cut at the edge instead of wrapped, so that the number of lines on the screen is the number printed.
const CUT_LINES = "\x1b[?7l";
const WRAP_LINES = "\x1b[?7h";
const CLEAR_BELOW = "\x1b[J";

// Of a terminal that does not say how large it is.
const USUAL_ROWS = 24;

/** A text that is shown again and again: in place on a terminal, one below the other elsewhere. */
export class LiveView {
  readonly #printer: Printer;
  readonly #screenRows: () => number;
  #shownLines = 0;

  /** @param screenRows how many lines the terminal has */
  constructor(printer: Printer, screenRows: () => number = () => process.stdout.rows || USUAL_ROWS) {
    this.#printer = printer;
    this.#screenRows = screenRows;
  }

  /** Shows a text instead of the one before. */
  show(text: string): void {
    if (!this.#printer.interactive) {
      this.#printer.print(text);
      return;
    }
    const lines = this.#fit(text.split("\n"));
    const back = this.#shownLines > 0 ? `\x1b[${this.#shownLines}A` : "";
    const body = `${lines.join("\n")}\n`;
    this.#printer.write(
      `${HIDE_CURSOR}${CUT_LINES}${back}\r${CLEAR_BELOW}${body}${WRAP_LINES}${SHOW_CURSOR}`,
    );
    this.#shownLines = lines.length;
  }

  /** Lines above the top of the screen could not be overwritten, so what does not fit is counted. */
  #fit(lines: string[]): string[] {
    const room = Math.max(2, this.#screenRows() - 1);
    if (lines.length <= room) return lines;
    return [...lines.slice(0, room - 1), `(${lines.length - room + 1} more lines)`];
  }
}

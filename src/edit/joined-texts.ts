const MARKER = /^---(?=[ \t\r\n]|$)/;
const DIRECTIVE = /^%/;
const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Puts the texts of several files one behind the other, so that each file's documents stay documents of their own. A single text
 * stays as it is, byte for byte.
 */
export class JoinedTexts {
  /** Texts that were not given out yet. As long as all are JSON, nobody needs a marker between them, nor does JSON know one. */
  #held: string[] | undefined = [];
  #before = "";

  /** What can be written now that this is the next text. */
  next(text: string): string {
    if (text === "") return "";
    if (this.#held === undefined) return this.#append(text);
    if (isJson(text)) {
      this.#held.push(text);
      return "";
    }
    const held = this.#held;
    this.#held = undefined;
    if (held.length === 0) return this.#append(text);
    // What begins with a brace is taken for JSON alone by kubectl: a marker tells that it is YAML.
    const [first = "", ...rest] = held;
    return `---\n${[first, ...rest, text].map((one) => this.#append(one)).join("")}`;
  }

  /** What remains to be written when there is no next text. */
  end(): string {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held
      .map((text, index) => (index < held.length - 1 && !text.endsWith("\n") ? `${text}\n` : text))
      .join("");
  }

  #append(text: string): string {
    const before = this.#before;
    this.#before = text.slice(-2);
    if (before === "") return text;
    const lineBreak = before === "\r\n" ? "\r\n" : "\n";
    const end = before.endsWith("\n") ? "" : lineBreak;
    const body = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    return `${end}${separator(body, lineBreak)}${body}`;
  }
}

function separator(text: string, lineBreak: string): string {
  const first = firstLine(text);
  if (MARKER.test(first)) return "";
  // Directives belong to the document behind them, and the one before has to be over.
  return DIRECTIVE.test(first) ? `...${lineBreak}` : `---${lineBreak}`;
}

/** The first line that says something. */
function firstLine(text: string): string {
  for (const [, line = ""] of text.matchAll(/^(.*)$/gm)) {
    if (!/^\s*(?:#.*)?$/.test(line)) return line;
  }
  return "";
}

function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

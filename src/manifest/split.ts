/** A stretch of a file that holds one document with its directives, comments and markers. */
export interface Stretch {
  readonly text: string;
  /** The line of the file (from 1) that its first line is. */
  readonly firstLine: number;
}

const MARKER = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/;
const NO_CONTENT = /^[ \t]*(?:#.*|%.*)?\r?$/;

/**
 * Cuts a file at its document markers, or between JSON objects one after another. These are lines that can be nothing else in YAML, wherever they stand (YAML
 * 1.2.2, 9.1.2: c-forbidden), so that nothing in one stretch can change how another is read. Joined, the stretches
 * are the file.
 */
export function* splitDocuments(text: string): Generator<Stretch> {
  const values = jsonValues(text);
  if (values.length > 1) yield* values;
  else yield* splitAtMarkers(text);
}

function* splitAtMarkers(text: string): Generator<Stretch> {
  let start = 0;
  let firstLine = 1;
  let line = 1;
  /** True once the stretch has a `---` or content: then the next `---` begins another. */
  let begun = false;
  const cut = (end: number, nextLine: number): Stretch => {
    const stretch = { text: text.slice(start, end), firstLine };
    start = end;
    firstLine = nextLine;
    begun = false;
    return stretch;
  };
  for (let at = 0; at < text.length; line++) {
    const newline = text.indexOf("\n", at);
    const next = newline === -1 ? text.length : newline + 1;
    const first = text.charCodeAt(at);
    const marker =
      first === 0x2d || first === 0x2e
        ? (MARKER.exec(text.slice(at, Math.min(next, at + 4)))?.[0] ?? "")
        : "";
    if (marker === "---") {
      if (begun) yield cut(at, line);
      begun = true;
    } else if (marker === "...") {
      yield cut(next, line + 1);
    } else if (!begun) {
      begun = !NO_CONTENT.test(text.slice(at, newline === -1 ? next : newline).replace(/^\uFEFF/, ""));
    }
    at = next;
  }
  if (start < text.length) yield cut(text.length, line);
}

/** The JSON objects of a file that has nothing else; nothing where it has anything else. */
function jsonValues(text: string): Stretch[] {
  if (!/^\uFEFF?\s*\{/.test(text)) return [];
  const values: Stretch[] = [];
  let start = 0;
  let line = 1;
  for (const end of jsonEnds(text)) {
    const part = text.slice(start, end);
    if (!isJson(part)) return [];
    values.push({ text: part, firstLine: line });
    line += part.split("\n").length - 1;
    start = end;
  }
  return start === text.length ? values : [];
}

/** Where objects end, if the text is JSON: behind the closing brace and the white space that follows. */
function* jsonEnds(text: string): Generator<number> {
  const token = /"(?:[^"\\]|\\.)*"|[{}]/gs;
  let depth = 0;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    if (match[0] === "{") depth++;
    else if (match[0] === "}" && --depth === 0) {
      const space = /\s*/y;
      space.lastIndex = token.lastIndex;
      space.exec(text);
      yield space.lastIndex;
      token.lastIndex = space.lastIndex;
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ""));
    return true;
  } catch {
    return false;
  }
}

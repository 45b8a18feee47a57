/** One line of a metrics page: `name{labels} value`. */
export interface Sample {
  /** The text before the value, name and labels as they were written: the same from page to page. */
  id: string;
  value: number;
}

/** A metrics page that is not in Prometheus's text format. */
export class MetricsTextError extends Error {
  constructor(line: number, text: string) {
    super(`line ${line} is not Prometheus text: ${text.slice(0, 80)}`);
    this.name = "MetricsTextError";
  }
}

/**
 * Reads a page in Prometheus's text format (version 0.0.4). Comments, time stamps and OpenMetrics' exemplars are left out.
 * @throws MetricsTextError at the first line that is not in the format
 */
export function* readSamples(page: string): Generator<Sample, void> {
  let start = 0;
  for (let line = 1; start < page.length; line++) {
    const newline = page.indexOf("\n", start);
    const end = newline === -1 ? page.length : newline;
    const text = page.slice(start, end).trim();
    if (text !== "" && !text.startsWith("#")) yield readSample(text, line);
    start = end + 1;
  }
}

/**
 * Reads one sample.
 * @param text its line, without blanks around it
 * @param line the line's number, for the error
 * @throws MetricsTextError when it is none
 */
export function readSample(text: string, line: number): Sample {
  const idEnd = endOfId(text);
  const valueText = /^[ \t]*(\S+)/.exec(text.slice(idEnd))?.[1];
  const value = valueText === undefined ? undefined : readValue(valueText);
  if (idEnd === 0 || value === undefined) throw new MetricsTextError(line, text);
  return { id: text.slice(0, idEnd), value };
}

/** A name, and labels up to the brace that ends them. */
const ID = /^[A-Za-z_:][A-Za-z0-9_:]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}|(?!\{|[A-Za-z0-9_:]))/;

/** The position after the name and its labels; 0 when there is no name or the labels do not end. */
const endOfId = (text: string): number => ID.exec(text)?.[0].length ?? 0;

function readValue(text: string): number | undefined {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  if (text === "NaN") return NaN;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

const LABEL = /([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"/g;

/** The name and the labels of a sample's id. */
export function readId(id: string): { name: string; labels: Map<string, string> } {
  const brace = id.indexOf("{");
  if (brace === -1) return { name: id, labels: new Map() };
  const labels = new Map<string, string>();
  for (const [, name = "", value = ""] of id.slice(brace).matchAll(LABEL)) labels.set(name, unescape(value));
  return { name: id.slice(0, brace), labels };
}

function unescape(value: string): string {
  return value.includes("\\") ? value.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c)) : value;
}

import { MetricsTextError, readSample, type Sample } from "./prometheus-text.js";

/**
 * A line of a metrics page that is followed from page to page. Lines of one histogram share the beginning of their ids, which
 * are most of what a page is.
 */
export interface PageLine<Mark> {
  /** The sample's id, up to the upper bound of a bucket. */
  readonly stem: string;
  /** The rest of the id. */
  readonly end: string;
  /** What its reader knows of it; undefined when it was not on the page before. */
  mark: Mark | undefined;
}

/** What is read of a page. */
export interface PageReading<Mark> {
  /** The lines of the metrics that are followed, in the page's order; the very array of the page before when they are the same. */
  readonly lines: readonly PageLine<Mark>[];
  /** The value of each; good until the next page is read. */
  readonly values: ArrayLike<number>;
  /** When the process started, in seconds since 1970; undefined when the page does not tell. */
  readonly processStart: number | undefined;
}

const PROCESS_START = "process_start_time_seconds";

/** Of one page after the other: what is read of each is used before the next. */
const values: number[] = [];

/**
 * Reads the lines of a few metrics. A page is nearly the one before it, so what stands where it stood is compared and not
 * parsed, and lines of other metrics are passed over.
 * @param metrics their names
 * @param before the lines of the page before
 * @throws MetricsTextError when it is not Prometheus text
 */
export function readPage<Mark>(
  page: string,
  metrics: readonly string[],
  before: readonly PageLine<Mark>[],
): PageReading<Mark> {
  const lines = new LinesInOrder(before);
  let processStart: number | undefined;
  values.length = 0;
  let start = 0;
  for (let number = 1; start < page.length; number++) {
    const newline = page.indexOf("\n", start);
    const end = newline === -1 ? page.length : newline;
    const value = lines.valueOfExpected(page, start, end);
    if (value !== undefined) values.push(value);
    else if (nameFollows(page, start, metrics)) {
      const sample = sampleOf(page, start, end, number);
      lines.add(sample.id);
      values.push(sample.value);
    } else if (page.startsWith(PROCESS_START, start)) {
      processStart = sampleOf(page, start, end, number).value;
    } else if (!mayBePassedOver(page, start)) {
      const text = page.slice(start, end).trim();
      if (text !== "") throw new MetricsTextError(number, text);
    }
    start = end + 1;
  }
  return { lines: lines.all, values, processStart };
}

/** The lines of a page as it is read, beside those of the page before. */
class LinesInOrder<Mark> {
  /** Those of the page before, of which so many were met; undefined once anything differs. */
  #same: number | undefined = 0;
  #changed: PageLine<Mark>[] = [];
  /** Where in the page before the next line is looked for. */
  #next = 0;
  #byId: Map<string, number> | undefined;

  constructor(private readonly before: readonly PageLine<Mark>[]) {}

  get all(): readonly PageLine<Mark>[] {
    return this.#same === this.before.length ? this.before : this.#lines();
  }

  /** The value, when the line of the page before that comes next stands here. */
  valueOfExpected(page: string, start: number, end: number): number | undefined {
    const expected = this.before[this.#next];
    if (expected === undefined || !page.startsWith(expected.stem, start)) return undefined;
    const endOfStem = start + expected.stem.length;
    const endOfId = endOfStem + expected.end.length;
    if (page.charCodeAt(endOfId) !== SPACE || !page.startsWith(expected.end, endOfStem)) return undefined;
    // What is no plain number (a time stamp behind it, an infinity) is for the parser.
    const value = endOfId + 1 < end ? Number(page.slice(endOfId + 1, end)) : NaN;
    if (Number.isNaN(value)) return undefined;
    this.#take(expected, this.#next);
    return value;
  }

  /** Takes a line that was parsed. */
  add(id: string): void {
    this.#byId ??= new Map(this.before.map(({ stem, end }, index) => [stem + end, index]));
    const index = this.#byId.get(id);
    const known = index === undefined ? undefined : this.before[index];
    if (known !== undefined && index !== undefined) {
      this.#take(known, index);
      return;
    }
    this.#changed = this.#lines();
    this.#same = undefined;
    this.#changed.push(newLine(id, this.#changed.at(-1)));
  }

  #take(line: PageLine<Mark>, index: number): void {
    if (this.#same === index) this.#same++;
    else {
      this.#changed = this.#lines();
      this.#same = undefined;
      this.#changed.push(line);
    }
    this.#next = index + 1;
  }

  #lines(): PageLine<Mark>[] {
    return this.#same === undefined ? this.#changed : this.before.slice(0, this.#same);
  }
}

const SPACE = 32;
const BOUND = ',le="';

/** The ends of ids that were met: every histogram has the same. */
const ENDS = new Map<string, string>();

function newLine<Mark>(id: string, previous: PageLine<Mark> | undefined): PageLine<Mark> {
  const at = id.lastIndexOf(BOUND);
  if (at === -1) return { stem: copyOf(id), end: "", mark: undefined };
  const [stem, end] = [id.slice(0, at + BOUND.length), id.slice(at + BOUND.length)];
  return { stem: previous?.stem === stem ? previous.stem : copyOf(stem), end: shared(end), mark: undefined };
}

function shared(end: string): string {
  const known = ENDS.get(end);
  if (known !== undefined) return known;
  const copy = copyOf(end);
  // There are some thirty in a version of the proxy.
  if (ENDS.size < 1_000) ENDS.set(copy, copy);
  return copy;
}

/** A part of a string keeps the whole of it in memory; this does not. */
const copyOf = (text: string) => Buffer.from(text, "utf8").toString("utf8");

function nameFollows(page: string, start: number, names: readonly string[]): boolean {
  return names.some((name) => page.startsWith(name, start) && isEndOfName(page[start + name.length]));
}

const isEndOfName = (character = "\n") => character === "{" || /\s/.test(character);

/** Whether a line is a comment, or begins as a sample does. */
const mayBePassedOver = (page: string, start: number) => /[#A-Za-z_:]/.test(page[start] ?? "");

function sampleOf(page: string, start: number, end: number, number: number): Sample {
  return readSample(page.slice(start, end).trim(), number);
}

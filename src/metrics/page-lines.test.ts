import fc from "fast-check";
import { expect, test } from "vitest";
import { type PageLine, readPage } from "./page-lines.js";
import { readSamples } from "./prometheus-text.js";

const METRICS = ["latency_bucket", "requests"];

const ids = fc.oneof(
  fc.constantFrom("up", "requests", "requests_created", "latency_sum", 'requests{a="x y",b="\\"} 3"}'),
  fc
    .tuple(fc.constantFrom("requests", "latency_bucket", "others"), fc.constantFrom("a", "b"), fc.nat(3))
    .map(([name, service, bound]) => `${name}{service="${service}",le="0.${bound}"}`),
);
const rests = fc.constantFrom("1", "2", "1.5e+09", "+Inf", "NaN", "7 1700000000000", "0\r");
const pages = fc
  .uniqueArray(fc.tuple(ids, rests), { selector: ([id]) => id, maxLength: 12 })
  .map((lines) => ["# TYPE up gauge", "", ...lines.map((words) => words.join(" "))].join("\n"));

/** What the parser finds of the metrics that are followed. */
const parsed = (page: string) =>
  [...readSamples(page)]
    .filter(({ id }) => METRICS.includes(id.split("{")[0] ?? ""))
    .map(({ id, value }) => [id, value]);

test("pages one after the other are read as if each were parsed alone", () => {
  fc.assert(
    fc.property(fc.array(pages, { maxLength: 5 }), (series) => {
      let lines: readonly PageLine<never>[] = [];
      for (const page of series) {
        const read = readPage(page, METRICS, lines);
        lines = read.lines;
        expect(lines.map(({ stem, end }, index) => [stem + end, read.values[index]])).toEqual(parsed(page));
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("the same lines with other values are the very lines of before, and what was noted of them stays", () => {
  const page = (value: number) =>
    ['requests{a="b"}', 'latency_bucket{a="b",le="1"}', 'latency_bucket{a="b",le="+Inf"}', "up"]
      .map((id) => `${id} ${value}`)
      .join("\n");
  const first = readPage<string>(page(1), METRICS, []);
  for (const line of first.lines) line.mark = line.end;
  const second = readPage(page(2), METRICS, first.lines);
  expect(second.lines).toBe(first.lines);
  expect(Array.from(second.values)).toEqual([2, 2, 2]);
  const fewer = readPage(page(3).split("\n").slice(1).join("\n"), METRICS, second.lines);
  expect(fewer.lines.map(({ mark }) => mark)).toEqual(['1"}', '+Inf"}']);
});

test("when the process started is told beside", () => {
  expect(readPage("requests 1\nprocess_start_time_seconds 12.5\n", METRICS, [])).toMatchObject({
    processStart: 12.5,
  });
});

test.each(["<html>", "requests", "requests abc", 'requests{a="b 1', "{} 1", "requests{} "])(
  "'%s' is refused with its line, also when the page before had a line there",
  (text) => {
    const { lines } = readPage("requests{} 1\n", METRICS, []);
    for (const before of [[], lines]) {
      expect(() => readPage(`up 1\n${text}`, METRICS, before)).toThrow("line 2");
    }
  },
);

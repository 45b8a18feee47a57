import { expect, test } from "vitest";
import { MetricsTextError, readId, readSamples } from "./prometheus-text.js";

test("a page is read sample by sample; comments, blanks and time stamps are left out", () => {
  const page = [
    "# HELP requests Requests.",
    "# TYPE requests counter",
    'requests{path="/a b",code="200"} 12 1700000000000',
    "",
    "up 1\r",
    "huge 1.5e+09",
    "odd NaN",
    'bucket{le="+Inf"} +Inf',
  ].join("\n");
  expect([...readSamples(page)]).toEqual([
    { id: 'requests{path="/a b",code="200"}', value: 12 },
    { id: "up", value: 1 },
    { id: "huge", value: 1.5e9 },
    { id: "odd", value: NaN },
    { id: 'bucket{le="+Inf"}', value: Infinity },
  ]);
});

test("labels are read with their escapes, also when they hold what ends labels", () => {
  const id = String.raw`requests{a="x\"},y=\"\\",b="1\n2",empty="",}`;
  const [sample] = [...readSamples(`${id} 3`)];
  expect(sample).toEqual({ id, value: 3 });
  expect(readId(id)).toEqual({
    name: "requests",
    labels: new Map([
      ["a", 'x"},y="\\'],
      ["b", "1\n2"],
      ["empty", ""],
    ]),
  });
});

test.each(["<html>", "name", "name abc", 'name{a="b 1', "{} 1", "name{} "])(
  "'%s' is refused with its line",
  (text) => {
    expect(() => [...readSamples(`up 1\n${text}`)]).toThrow(MetricsTextError);
    expect(() => [...readSamples(`up 1\n${text}`)]).toThrow("line 2");
  },
);

import { expect, it } from "vitest";
import { JoinedTexts } from "./joined-texts.js";

function joined(...parts: string[]): string {
  const texts = new JoinedTexts();
  return parts.map((part) => texts.next(part)).join("") + texts.end();
}

it.each([
  ["a: 1"],
  ["\uFEFFa: 1\r\n"],
  ["---\na: 1\n...\n"],
  ['{"a": 1}'],
  ["# nothing but a comment"],
  [""],
])("a single text stays as it is: %j", (text) => expect(joined(text)).toBe(text));

it.each<[string[], string]>([
  [["a: 1\n", "b: 2\n"], "a: 1\n---\nb: 2\n"],
  [["a: 1", "b: 2"], "a: 1\n---\nb: 2"],
  [["a: 1\r\n", "b: 2\r\n"], "a: 1\r\n---\r\nb: 2\r\n"],
  [["a: 1\n", "# about b\n---\nb: 2\n"], "a: 1\n# about b\n---\nb: 2\n"],
  [["a: 1\n", "---  # b\nb: 2\n"], "a: 1\n---  # b\nb: 2\n"],
  [["a: 1\n", "---b: 2\n"], "a: 1\n---\n---b: 2\n"],
  [["a: 1\n", "%YAML 1.1\n---\nb: 2\n"], "a: 1\n...\n%YAML 1.1\n---\nb: 2\n"],
  [["a: 1\n", "\uFEFFb: 2\n"], "a: 1\n---\nb: 2\n"],
  [["a: 1\n", "", "b: 2\n"], "a: 1\n---\nb: 2\n"],
  [['{"a": 1}', '{"b": 2}\n'], '{"a": 1}\n{"b": 2}\n'],
  [['{"a": 1}', "b: 2\n", '{"c": 3}'], '---\n{"a": 1}\n---\nb: 2\n---\n{"c": 3}'],
  [["{a: 1}\n", "{b: 2}\n"], "{a: 1}\n---\n{b: 2}\n"],
])("%j become %j", (parts, expected) => expect(joined(...parts)).toBe(expected));

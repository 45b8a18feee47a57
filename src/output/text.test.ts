import { expect, test } from "vitest";
import { escapeControls, formatJson, formatJsonLine, nearest } from "./index.js";

test("what a terminal would obey is shown instead", () => {
  expect(escapeControls("/a\x1b[2J\x07\r\n\x9b31m\u202e/é漢")).toBe(
    "/a\\x1b[2J\\x07\\x0d\\x0a\\x9b31m\\u202e/é漢",
  );
});

test("JSON carries control characters escaped and unharmed", () => {
  const value = { path: "/\x1b[2J\x7f\x9b\u202e\n" };
  for (const text of [formatJsonLine(value), formatJson(value)]) {
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  }
  expect(formatJsonLine(value)).not.toContain("\n");
});

test.each([
  ["deploymnet", "deployment"],
  ["wrold", "world"],
  ["worl", "world"],
  ["World", "world"],
  ["xyzzy", undefined],
])("nearest to '%s' is '%s'", (word, meant) => {
  expect(nearest(word, ["deployment", "world", "hello"])).toBe(meant);
});

import { expect, test } from "vitest";
import { ProgressLine } from "./progress-line.js";

const PROGRESS = { target: "direct", phase: "latency", round: 2, rounds: 3, secondsLeft: 42 } as const;

function shownOn(isTTY: boolean): string {
  let written = "";
  const line = new ProgressLine({ isTTY, write: (text) => ((written += text), true) });
  line.show(PROGRESS);
  line.clear();
  return written;
}

test("a terminal has one line that goes when all is done", () => {
  expect(shownOn(true)).toBe("\r\x1b[Kround 2 of 3, latency: direct (42s left)\r\x1b[K");
});

test("elsewhere there is nothing", () => {
  expect(shownOn(false)).toBe("");
});

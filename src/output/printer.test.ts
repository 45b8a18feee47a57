import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { type PrintStream, Failure, LiveView, Printer, formatFailure } from "./index.js";

class Stream extends EventEmitter implements PrintStream {
  written = "";

  constructor(readonly isTTY = false) {
    super();
  }

  write(text: string): boolean {
    this.written += text;
    return true;
  }
}

test("figures go to standard output and sentences to standard error", () => {
  const [out, err] = [new Stream(), new Stream()];
  const printer = new Printer(out, err, {});
  printer.print("NAME");
  printer.note("no data");
  expect([out.written, err.written]).toEqual(["NAME\n", "no data\n"]);
});

test("a reader that has gone is told once and ends the output", () => {
  const out = new Stream();
  const printer = new Printer(out, new Stream(), {});
  out.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  printer.print("more");
  expect(printer.readerGone.aborted).toBe(true);
  expect(out.written).toBe("");
});

test("a live view goes on below when nobody watches", () => {
  const out = new Stream();
  const view = new LiveView(new Printer(out, new Stream(), {}));
  view.show("one");
  view.show("two");
  expect(out.written).toBe("one\ntwo\n");
});

test("a live view on a terminal goes back over the lines it showed", () => {
  const out = new Stream(true);
  const view = new LiveView(new Printer(out, new Stream(), {}), () => 5);
  view.show("a\nb\nc\nd\ne\nf");
  expect(out.written).toContain("a\nb\nc\n(3 more lines)\n");
  view.show("short");
  expect(out.written).toContain("\x1b[4A\r\x1b[Jshort\n");
});

test("a failure is printed in one or two lines, harmless for the terminal", () => {
  expect(formatFailure(new Failure("no workload '\x1b[2Jx'", { hint: "workload/y" }))).toBe(
    "error: no workload '\\x1b[2Jx'\ntry: workload/y",
  );
  expect(formatFailure(new Failure("it broke"))).toBe("error: it broke");
});

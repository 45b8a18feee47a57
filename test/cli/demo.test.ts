import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { MESH, runMesh, startMesh } from "../mesh-command.js";
import { descendants, isRunning } from "../processes.js";

const LONG = { timeout: 120_000 };
const DEADLINE = { timeout: 60_000, interval: 50 };
/** The services and the sidecars of hello and world. */
const PARTS = 4;

/** Where the demo makes its files. */
let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "mesh-demo-test-"));
  return () => rmSync(temporary, { recursive: true });
});

/** Waits until a text was printed, and gives all that was printed until then. */
function printed(stream: Readable, text: string): Promise<string> {
  let output = "";
  return new Promise((resolve, reject) => {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.includes(text)) resolve(output);
    });
    stream.on("end", () => reject(new Error(`ended without ${text}: ${output}`)));
  });
}

/** The demo without a terminal, once its parts run. */
async function startDemo() {
  const demo = startMesh(["demo"], { TMPDIR: temporary });
  const ended = once(demo, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  let errors = "";
  demo.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await printed(demo.stdout, "control plane").catch((error: unknown) => {
    throw new Error(`the demo did not start: ${errors}`, { cause: error });
  });
  const parts = descendants(demo.pid ?? 0);
  onTestFinished(() => {
    for (const pid of [demo.pid ?? 0, ...parts].filter(isRunning)) process.kill(pid, "SIGKILL");
  });
  expect(parts).toHaveLength(PARTS);
  return { demo, ended, parts };
}

async function expectNoneOf(parts: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(parts.filter(isRunning)).toEqual([]), DEADLINE);
}

describe("mesh demo", () => {
  it("shows a mesh at work, and ends", LONG, async () => {
    const { status, stdout, stderr } = await runMesh(["demo", "--once"], { TMPDIR: temporary });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/✓ [1-9]\d* answered\./);
    expect(stdout).toMatch(/[1-9]\d* into hello, [1-9]\d* out of hello, [1-9]\d* into world/);
    expect(stdout).toMatch(/^ {2}hello +1\/1 +100\.00% +0\.00% +[1-9]/m);
    expect(stdout).toMatch(/^ {2}world +1\/1 +100\.00% +100\.00% +[1-9]/m);
    expect(stdout).toMatch(/^ {2}req id=hello:\d+ dir=out .* dst=world tls=yes .* authority=world path=\/$/m);
    expect(stdout).toMatch(/^ {2}two sidecars +\d+/m);
    expect(stdout).not.toContain("\u001b");
    expect(readdirSync(temporary)).toEqual([]);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });

  it("stays on a terminal until Ctrl-C, and can be looked into", LONG, async () => {
    // `exec`: some shells stay in between, and end with 130 after Ctrl-C whatever their command ended with.
    const command = `exec '${process.execPath}' '${MESH}' demo`;
    const env = { ...process.env, TMPDIR: temporary, TERM: "xterm" };
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { env, stdio: "pipe" });
    const ended = once(terminal, "exit");
    onTestFinished(() => void terminal.kill("SIGKILL"));
    const output = await printed(terminal.stdout, "the mesh follows within a second");
    const parts = descendants(terminal.pid ?? 0);
    const [, hello = ""] = /curl (http:\/\/\S+?\/)/.exec(output) ?? [];
    expect(await (await fetch(hello)).text()).toBe("Hello, world!\n");
    expect(output).toContain("\u001b[");

    terminal.stdin.write("\u0003");
    expect(await ended).toEqual([0, null]);
    await expectNoneOf(parts);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "leaves nothing behind after %s",
    LONG,
    async (signal) => {
      const { demo, ended, parts } = await startDemo();
      demo.kill(signal);
      expect(await ended).toEqual([1, null]);
      expect(parts.filter(isRunning)).toEqual([]);
      expect(readdirSync(temporary)).toEqual([]);
    },
  );

  it("leaves no process behind when it is killed", LONG, async () => {
    const { demo, ended, parts } = await startDemo();
    demo.kill("SIGKILL");
    await ended;
    await expectNoneOf(parts);
  });

  it("ends when nobody reads on", LONG, async () => {
    const { demo, ended, parts } = await startDemo();
    demo.stdout.destroy();
    await ended;
    await expectNoneOf(parts);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("fails when a sidecar is lost", LONG, async () => {
    const { demo, ended, parts } = await startDemo();
    const errors = printed(demo.stderr, "try: ").catch((error: unknown) => String(error));
    process.kill(parts[0] ?? 0, "SIGKILL");
    expect(await ended).toEqual([1, null]);
    expect(await errors).toContain("error: the ");
    expect(parts.filter(isRunning)).toEqual([]);
  });
});

import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { MESH, runMesh, startMesh } from "../mesh-command.js";
import { descendants, isRunning } from "../processes.js";

const LONG = { timeout: 120_000 };
const DEADLINE = { timeout: 60_000, interval: 50 };
/** The demo in its network; in it the namespaces, services and sidecars of hello and world. */
const PARTS = 7;

/** Where the demo makes its files. */
let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "mesh-demo-test-"));
  return () => rmSync(temporary, { recursive: true });
});

/** The links of this machine's own network. */
const links = () => execFileSync("ip", ["-oneline", "link"], { encoding: "utf8" });

/** The demo, once its parts run. */
async function startDemo() {
  const demo = startMesh(["demo", "--transparent"], { TMPDIR: temporary });
  const ended = once(demo, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const introduced = new Promise<void>((resolve, reject) => {
    let output = "";
    demo.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.includes("control plane")) resolve();
    });
    demo.stdout.on("end", () => reject(new Error(`ended too early: ${output}`)));
  });
  await introduced;
  const parts = descendants(demo.pid ?? 0);
  onTestFinished(() => {
    for (const pid of [demo.pid ?? 0, ...parts].filter(isRunning)) process.kill(pid, "SIGKILL");
  });
  expect(parts).toHaveLength(PARTS);
  return { demo, ended, parts };
}

describe("mesh demo --transparent", () => {
  it("shows services that know nothing of their sidecars, and ends", LONG, async () => {
    const before = links();
    const { status, stdout, stderr } = await runMesh(["demo", "--transparent", "--once"], {
      TMPDIR: temporary,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("asks world for whom, at http://world/");
    expect(stdout).toMatch(/[1-9]\d* into hello, [1-9]\d* out of hello, [1-9]\d* into world/);
    expect(stdout).toMatch(/^ {2}hello +1\/1 +100\.00% +0\.00% +[1-9]/m);
    expect(stdout).toMatch(/^ {2}world +1\/1 +100\.00% +100\.00% +[1-9]/m);
    expect(stdout).toMatch(/^ {2}req id=hello:\d+ dir=out .* dst=world .* authority=world path=\/$/m);
    expect(stdout).toMatch(/^ {2}two sidecars +\d+/m);
    expect(readdirSync(temporary)).toEqual([]);
    expect(links()).toBe(before);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
    "leaves nothing behind after %s",
    LONG,
    async (signal) => {
      const before = links();
      const { demo, ended, parts } = await startDemo();
      demo.kill(signal);
      expect(await ended).toEqual(signal === "SIGKILL" ? [null, signal] : [1, null]);
      await vi.waitFor(() => expect(parts.filter(isRunning)).toEqual([]), DEADLINE);
      expect(readdirSync(temporary)).toEqual([]);
      expect(links()).toBe(before);
    },
  );

  it("leaves no process behind when the demo in its network is killed", LONG, async () => {
    const { ended, parts } = await startDemo();
    process.kill(parts[0] ?? 0, "SIGKILL");
    expect((await ended)[0]).toBe(137);
    await vi.waitFor(() => expect(parts.filter(isRunning)).toEqual([]), DEADLINE);
  });

  it("says that it needs root", () => {
    // In a user namespace without a mapping nobody is root.
    const command = ["--user", "--", process.execPath, MESH, "demo", "--transparent"];
    const { status, stdout, stderr } = spawnSync("unshare", command, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(
      /^error: --transparent .* as root on Linux\ntry: sudo .* demo --transparent, or .*\n$/,
    );
  });
});

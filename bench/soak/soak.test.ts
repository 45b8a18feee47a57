import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { descendants, isRunning } from "../../test/processes.js";

const MAIN = fileURLToPath(new URL("../../dist/bench/soak/main.js", import.meta.url));

function start(...flags: string[]) {
  return spawn(process.execPath, [MAIN, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
}

/** What a soak prints, and its exit status. */
async function soaked(...flags: string[]): Promise<{ printed: string; status: number }> {
  const soak = start(...flags);
  const [report, errors, [status]] = await Promise.all([
    text(soak.stdout),
    text(soak.stderr),
    once(soak, "close") as Promise<[number]>,
  ]);
  return { printed: report + errors, status };
}

describe("a soak", () => {
  it("of a few seconds finds nothing wrong, and tells what it did", { timeout: 120_000 }, async () => {
    const { printed, status } = await soaked("--minutes", "0.1", "--seed", "7", "--largest", "4MB");
    expect(printed).toContain("**Nothing was wrong.**");
    expect(status).toBe(0);
    for (const kind of ["exchange", "keep-alive", "pipeline", "upgrade", "connect", "opaque"]) {
      expect(printed).toMatch(new RegExp(`^\\| ${kind} \\| [1-9]`, "m"));
    }
  });

  it("notices a byte that is wrong in either direction", { timeout: 120_000 }, async () => {
    const flags = ["--minutes", "0.05", "--seed", "7", "--largest", "4MB", "--wrong-byte"];
    const { printed, status } = await soaked(...flags);
    expect(printed).toMatch(/^- exchange: .* wrong bytes between /m);
    expect(printed).toMatch(/^- web-\d at exchange .* wrong bytes between /m);
    expect(status).toBe(1);
  });

  it("that is interrupted leaves no process", { timeout: 60_000 }, async () => {
    const soak = start("--minutes", "1");
    const started = () => descendants(soak.pid ?? 0);
    await expect.poll(() => started().length, { timeout: 30_000 }).toBeGreaterThanOrEqual(12);
    const all = started();
    soak.kill("SIGINT");
    const [status] = (await once(soak, "close")) as [number];
    expect(status).toBe(1);
    expect(all.filter(isRunning)).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { SupervisedProcess } from "./index.js";

const node = (script: string, onLine: (line: string) => void = () => undefined) =>
  new SupervisedProcess({ command: process.execPath, args: ["-e", script], env: process.env, onLine });

/** A process that has printed its first line. */
async function started(script: string): Promise<SupervisedProcess> {
  return new Promise((resolve) => {
    const child = node(script, () => {
      resolve(child);
    });
  });
}

describe("a supervised process", () => {
  it("gives its lines and its status", async () => {
    const lines: string[] = [];
    const child = node("console.log('one'); console.error('two'); process.exitCode = 3", (line) =>
      lines.push(line),
    );
    expect(await child.ended).toEqual({ status: 3, signal: null });
    expect(lines.sort()).toEqual(["one", "two"]);
  });

  it("stops by SIGTERM", async () => {
    const child = await started(
      "process.on('SIGTERM', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)",
    );
    expect(await child.stop()).toEqual({ status: 7, signal: null });
  });

  it("is killed when it does not stop in time", async () => {
    const child = await started(
      "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)",
    );
    expect(await child.stop(50)).toEqual({ status: null, signal: "SIGKILL" });
  });

  it("rejects when there is no such program", async () => {
    const child = new SupervisedProcess({ command: "/no/such/program", env: {}, onLine: () => undefined });
    await expect(child.ended).rejects.toThrow("cannot start /no/such/program");
  });
});

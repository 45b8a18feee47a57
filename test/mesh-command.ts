import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built command line, as a user starts it. */
export const MESH = fileURLToPath(new URL("../bin/mesh.js", import.meta.url));

/** How a command ended, and what it printed. */
export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts `mesh` with these words; standard output and error are pipes, as in a script. */
export function startMesh(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(process.execPath, [MESH, ...words], { env: { ...process.env, ...env }, stdio: "pipe" });
}

/** Runs `mesh` to its end. */
export function runMesh(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return ended(startMesh(words, env));
}

/** Waits for a process to end. */
export function ended(child: ReturnType<typeof startMesh>): Promise<Ended> {
  const printed = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed.stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      resolve({ status, signal, ...printed });
    });
  });
}

import { execFile } from "node:child_process";
import { join } from "node:path";

/** A program that scripts/interop-programs.mjs has installed. */
export const interopProgram = (name: "client" | "h2spec" | "server"): string =>
  join(import.meta.dirname, "..", "..", ".cache", "interop", name);

/** How a program ended, and everything that it printed. */
export interface Outcome {
  succeeded: boolean;
  output: string;
}

/** Runs a program to its end; it is killed after a minute and a half. */
export function runProgram(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 90_000, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
      const output = stdout + stderr;
      resolve({ succeeded: error === null, output: error ? `${error.message}\n${output}` : output });
    });
  });
}

// Running the steps of a script: each says what it does; the first that fails ends the script. No dependencies.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** A step that could not be done, in words for the person who started the script. */
export class StepFailed extends Error {
  constructor(message, advice) {
    super(advice ? `${message}\ntry: ${advice}` : message);
    this.name = "StepFailed";
  }
}

/** Says on standard output what happens now. */
export const announce = (what) => console.log(`==> ${what}`);

/** Runs a program in the root with our own output; throws StepFailed unless it succeeds. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error) throw new StepFailed(`${command} could not be started: ${error.message}`);
  if (status !== 0)
    throw new StepFailed(`${command} ${args.join(" ")} ended with ${signal ?? `status ${status}`}`);
}

/** What a program prints on standard output, or undefined when it cannot be run or fails. */
export function outputOf(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** Prints a failure in one or two lines and makes the script exit with 1. */
export function reportFailure(failure) {
  console.error(failure instanceof StepFailed ? `error: ${failure.message}` : failure);
  process.exitCode = 1;
}

/** Whether the file at `url` (import.meta.url) is the script that was started, not one that was imported. */
export const isStarted = (url) => process.argv[1] === fileURLToPath(url);

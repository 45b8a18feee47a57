import { parseArgs } from "node:util";
import { Failure } from "../../src/output/index.js";

/** What is measured. */
export interface Settings {
  /** How many pods the cluster has, each with a proxy. */
  readonly pods: number;
  /** How many changes of each kind are timed. */
  readonly changes: number;
  /** How many seconds the control plane is left alone, for its CPU at rest, and the webhook is asked. */
  readonly seconds: number;
}

/** Reads the flags; a wrong one is a Failure with status 2 that names it. */
export function readSettings(args: readonly string[]): Settings {
  const { pods, changes, seconds } = readFlags(args);
  return {
    pods: wholeNumber("--pods", pods, 20_000),
    changes: wholeNumber("--changes", changes, 1_000),
    seconds: wholeNumber("--seconds", seconds, 600),
  };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        pods: { type: "string", default: "500" },
        changes: { type: "string", default: "50" },
        seconds: { type: "string", default: "20" },
      },
    }).values;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), {
      hint: "npm run bench:control-plane -- --pods 500 --changes 50 --seconds 20",
      exitStatus: 2,
    });
  }
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new Failure(`${flag} ${text} cannot be taken`, {
    hint: `${flag} with a whole number from 1 to ${most}`,
    exitStatus: 2,
  });
}

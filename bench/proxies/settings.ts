import { parseArgs } from "node:util";
import { Failure } from "../../src/output/index.js";

/** How much is measured. */
export interface Settings {
  /** Our proxy with those of others, or with itself under other circumstances. */
  readonly against: "peers" | "itself";
  readonly rounds: number;
  /** Of each measurement under load. */
  readonly seconds: number;
  /** The binary of Envoy; without one it does not take part. */
  readonly envoy: string | undefined;
}

/** Reads the flags; a wrong one is a Failure with status 2 that names it. */
export function readSettings(args: readonly string[]): Settings {
  const { against, rounds, seconds, envoy } = readFlags(args);
  if (against !== "peers" && against !== "itself") {
    throw new Failure(`--against ${against} cannot be taken`, {
      hint: "--against peers, or --against itself",
      exitStatus: 2,
    });
  }
  return {
    against,
    rounds: wholeNumber("--rounds", rounds, 100),
    seconds: wholeNumber("--seconds", seconds, 600),
    envoy,
  };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        against: { type: "string", default: "peers" },
        rounds: { type: "string", default: "3" },
        seconds: { type: "string", default: "5" },
        envoy: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), {
      hint: "npm run bench:proxies -- --rounds 3 --seconds 5",
      exitStatus: 2,
    });
  }
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) {
    throw new Failure(`${flag} ${text} cannot be taken`, {
      hint: `${flag} with a whole number from 1 to ${most}`,
      exitStatus: 2,
    });
  }
  return value;
}

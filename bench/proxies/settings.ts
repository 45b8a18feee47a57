import { parseArgs } from "node:util";
import { Failure } from "../../src/output/index.js";
import { STEPS, type Step } from "./measurement.js";

/** How much is measured. */
export interface Settings {
  /** Our proxy with those of others, or with itself under other circumstances. */
  readonly against: "peers" | "itself";
  readonly rounds: number;
  /** Of each measurement under load. */
  readonly seconds: number;
  /** The one measurement that is made, for more rounds of it in less time; undefined for all. */
  readonly step: Step | undefined;
  /** The binary of Envoy; without one it does not take part. */
  readonly envoy: string | undefined;
}

/** Reads the flags; a wrong one is a Failure with status 2 that names it. */
export function readSettings(args: readonly string[]): Settings {
  const { against, rounds, seconds, step, envoy } = readFlags(args);
  if (against !== "peers" && against !== "itself") {
    throw new Failure(`--against ${against} cannot be taken`, {
      hint: "--against peers, or --against itself",
      exitStatus: 2,
    });
  }
  if (step !== undefined && !isStep(step)) {
    throw new Failure(`--step ${step} cannot be taken`, {
      hint: `one of ${STEPS.join(", ")}`,
      exitStatus: 2,
    });
  }
  return {
    against,
    step,
    rounds: wholeNumber("--rounds", rounds, 100),
    seconds: wholeNumber("--seconds", seconds, 600),
    envoy,
  };
}

const isStep = (text: string): text is Step => (STEPS as readonly string[]).includes(text);

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        against: { type: "string", default: "peers" },
        rounds: { type: "string", default: "3" },
        seconds: { type: "string", default: "5" },
        step: { type: "string" },
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

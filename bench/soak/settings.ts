import { parseArgs } from "node:util";
import { Failure, parseBytes } from "../../src/output/index.js";

/** How long is soaked, and in what. */
export interface Settings {
  readonly minutes: number;
  readonly seed: number;
  /** The largest body, in bytes. */
  readonly largest: number;
  /** The applications have one byte wrong, which is to be noticed. */
  readonly wrongByte: boolean;
  /** The proxies have identities, and speak mTLS with each other. */
  readonly mtls: boolean;
}

const COMMAND = "npm run bench:soak -- --minutes 10 --seed 1 --largest 100MB";

/** Reads the flags; a wrong one is a Failure with status 2 that names it. */
export function readSettings(args: readonly string[]): Settings {
  const { minutes, seed, largest, "wrong-byte": wrongByte, mtls } = readFlags(args);
  const settings = {
    minutes: Number(minutes),
    seed: Number(seed),
    largest: parseBytes(largest) ?? 0,
    wrongByte,
    mtls,
  };
  if (!(settings.minutes > 0 && settings.minutes <= 10_000)) throw wrong("--minutes", minutes);
  if (!/^\d{1,9}$/.test(seed)) throw wrong("--seed", seed);
  if (!(settings.largest >= 1 && settings.largest <= 1e9)) throw wrong("--largest", largest);
  return settings;
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: "10" },
        seed: { type: "string", default: "1" },
        largest: { type: "string", default: "100MB" },
        "wrong-byte": { type: "boolean", default: false },
        mtls: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), {
      hint: COMMAND,
      exitStatus: 2,
    });
  }
}

function wrong(flag: string, value: string): Failure {
  return new Failure(`${flag} ${value} cannot be taken`, { hint: COMMAND, exitStatus: 2 });
}

import { Chalk, type ChalkInstance } from "chalk";

/** Paints text for one stream: `colours.red("10.00%")`. Returns the text as it is where colours have no place. */
export type Colours = ChalkInstance;

/**
 * The colours for a stream: only when it is a terminal that has them, and not when NO_COLOR is set to anything but
 * the empty string (https://no-color.org).
 */
export function coloursFor(
  stream: { isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Colours {
  const enabled = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return new Chalk({ level: enabled ? 1 : 0 });
}

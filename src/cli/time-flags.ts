import { Flags } from "@oclif/core";
import { Failure, parseDuration } from "../output/index.js";

/** The flag that says how far to look back. */
export const WINDOW_FLAG = Flags.string({
  char: "t",
  helpValue: "TIME",
  default: "1m",
  description: "How far to look back; more than 10m needs a Prometheus.",
});

/** What WINDOW_FLAG says, in seconds. @throws Failure with status 2 */
export const readWindow = (text: string): number =>
  readTime(text, (seconds) => seconds > 0, `-t ${text}: not a time to look back`, "-t 30s, -t 5m");

/** What a flag `--wait` says, in seconds; zero is not to wait. @throws Failure with status 2 */
export const readWait = (text: string): number =>
  readTime(text, () => true, `--wait ${text}: not a time to wait`, "--wait 60s, --wait 5m");

function readTime(text: string, test: (seconds: number) => boolean, message: string, hint: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && test(seconds)) return seconds;
  throw new Failure(message, { hint, exitStatus: 2 });
}

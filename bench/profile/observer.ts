import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/output/index.js";

/** How long a program takes at most to look at a process that runs already. */
const ATTACH_MS = 1000;

/**
 * Runs a program that looks on while `work` is done, and ends it by SIGINT.
 * @returns what `work` gave, and what the program wrote on standard error
 * @throws Failure when it ended before, with what it said
 */
export async function lookingOn<T>(
  [command, ...args]: readonly [string, ...string[]],
  work: () => Promise<T>,
): Promise<{ result: T; said: string }> {
  const observer = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const said = text(observer.stderr);
  const ended = new Promise<void>((resolve, reject) => {
    observer.on("error", reject);
    observer.on("close", () => resolve());
  });
  const endedEarly = ended.then(async (): Promise<never> => {
    throw new Failure(`${command} ended before it was asked to: ${await said}`);
  });
  endedEarly.catch(() => undefined);
  try {
    await Promise.race([sleep(ATTACH_MS), endedEarly]);
    const result = await Promise.race([work(), endedEarly]);
    observer.kill("SIGINT");
    await ended;
    return { result, said: await said };
  } finally {
    observer.kill("SIGINT");
  }
}

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** The first number of three parts that a program says when asked for its version; empty when it says none. */
export async function versionOf(command: string, flag: string): Promise<string> {
  const child = spawn(command, [flag], { stdio: ["ignore", "pipe", "pipe"] });
  child.on("error", () => undefined);
  const said = await Promise.all([text(child.stdout), text(child.stderr)]);
  return /\d+\.\d+\.\d+/.exec(said.join(""))?.[0] ?? "";
}

/** The commit that this was built from, and whether files were changed since; undefined outside a repository. */
export async function commit(): Promise<string | undefined> {
  const child = spawn("git", ["describe", "--always", "--dirty", "--match="], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.on("error", () => undefined);
  return (await text(child.stdout)).trim() || undefined;
}

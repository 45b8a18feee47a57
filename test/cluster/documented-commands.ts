// The commands of a page of docs/, run as a person would: in a shell.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const clone = fileURLToPath(new URL("../..", import.meta.url));

/** The commands in a section of a page: its lines that are indented by four spaces. */
export function documentedCommands(page: string, section: string): string[] {
  const content = readFileSync(join(clone, "docs", page), "utf8");
  const [, body = ""] = content.split(`\n## ${section}\n`);
  const [own = ""] = body.split("\n## ");
  return [...own.matchAll(/^ {4}(.+)$/gm)].map(([, command = ""]) => command);
}

/** A shell that has `mesh` and `kubectl`. */
export class Shell {
  readonly #folder = mkdtempSync(join(tmpdir(), "mesh-shell-"));
  readonly #environment: NodeJS.ProcessEnv;
  readonly #where: string;

  /**
   * @param kubectl the words that are kubectl
   * @param where the folder in which commands run; if it is not given, the clone's root
   */
  constructor(kubectl: readonly string[], environment: Readonly<Record<string, string>>, where = clone) {
    this.#where = where;
    this.#script("kubectl", kubectl);
    this.#script("mesh", [process.execPath, join(clone, "bin", "mesh.js")]);
    const path = [this.#folder, process.env["PATH"]].join(delimiter);
    this.#environment = { ...process.env, ...environment, PATH: path };
  }

  /** What a command prints on standard output; throws with what it says on standard error when it, or what it pipes into, fails. */
  async run(command: string): Promise<string> {
    const child = spawn("sh", ["-c", command], {
      cwd: this.#where,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "exit") as Promise<[number | null]>;
    const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (status !== 0) throw new Error(`${command}: ${stderr}`);
    return stdout;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #script(name: string, words: readonly string[]): void {
    const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    writeFileSync(join(this.#folder, name), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  }
}

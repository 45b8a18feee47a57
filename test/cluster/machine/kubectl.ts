import { execFile, type ExecFileException } from "node:child_process";

/** kubectl on one cluster, as its administrator. */
export class Kubectl {
  readonly #command: readonly string[];
  readonly #kubeconfig: string;

  /** @param command the words that are kubectl */
  constructor(command: readonly string[], kubeconfig: string) {
    this.#command = command;
    this.#kubeconfig = kubeconfig;
  }

  /** The whole command line of a call, the program first. */
  words(words: readonly string[]): string[] {
    return [...this.#command, "--kubeconfig", this.#kubeconfig, ...words];
  }

  /** What it prints on standard output; throws with what it says on standard error when it fails. */
  run(words: readonly string[], input = ""): Promise<string> {
    const [program = "", ...args] = this.words(words);
    return new Promise((resolve, reject) => {
      const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
        if (error) reject(new Error(`kubectl ${words.join(" ")}: ${stderr || error.message}`));
        else resolve(stdout);
      };
      const child = execFile(program, args, { maxBuffer: 64 * 1024 * 1024 }, done);
      // It may end before it has read everything.
      child.stdin?.on("error", () => undefined).end(input);
    });
  }

  /** Whether a call succeeds. */
  succeeds(...words: string[]): Promise<boolean> {
    return this.run(words).then(
      () => true,
      () => false,
    );
  }
}

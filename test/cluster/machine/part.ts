import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const STOP_WITHIN_MS = 10_000;

/** A program of the cluster. It ends when this process does, however that happens. */
export class Part {
  readonly #name: string;
  readonly #log: string;
  readonly #process: ChildProcess;

  /** @param folder where its log goes */
  constructor(folder: string, name: string, command: readonly string[]) {
    this.#name = name;
    this.#log = join(folder, `${name}.log`);
    this.#process = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = createWriteStream(this.#log);
    this.#process.stdout?.pipe(log, { end: false });
    this.#process.stderr?.pipe(log, { end: false });
  }

  /** Waits until `isReady` is true; throws with the end of the log when the program ends before, or is not ready in time. */
  async until(isReady: () => Promise<boolean>, withinMs: number): Promise<void> {
    const limit = performance.now() + withinMs;
    while (!(await isReady())) {
      if (this.#hasEnded()) throw new Error(`${this.#name} ended:\n${this.#endOfLog()}`);
      if (performance.now() > limit)
        throw new Error(`${this.#name} is not ready in time:\n${this.#endOfLog()}`);
      await delay(200);
    }
  }

  async stop(): Promise<void> {
    if (this.#hasEnded()) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  #endOfLog(): string {
    return readFileSync(this.#log, "utf8").split("\n").slice(-10).join("\n");
  }
}

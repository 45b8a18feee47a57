import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const READY_WITHIN_MS = 120_000;

/** A program of the cluster. It ends with the process namespace that it is in. */
export class Part {
  readonly #name: string;
  readonly #log: string;
  readonly #process: ChildProcess;

  /** @param folder where its log goes, as NAME.log */
  constructor(folder: string, name: string, command: readonly [string, ...string[]]) {
    this.#name = name;
    this.#log = join(folder, `${name}.log`);
    const log = openSync(this.#log, "w");
    const [program, ...args] = command;
    this.#process = spawn(program, args, { stdio: ["ignore", log, log] });
    // It has ended then, which is what is looked for.
    this.#process.on("error", () => undefined);
    this.#process.unref();
  }

  /** Its process. */
  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`${this.#name} was not started`);
    return this.#process.pid;
  }

  /** Waits until `isReady` is true; throws with the end of the log when the program ends before, or is not ready in time. */
  async until(isReady: () => Promise<boolean>): Promise<void> {
    const limit = performance.now() + READY_WITHIN_MS;
    while (!(await isReady())) {
      if (this.#hasEnded()) throw new Error(`${this.#name} ended:\n${this.#endOfLog()}`);
      if (performance.now() > limit)
        throw new Error(`${this.#name} is not ready in time:\n${this.#endOfLog()}`);
      await delay(200);
    }
  }

  #hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  #endOfLog(): string {
    return readFileSync(this.#log, "utf8").split("\n").slice(-10).join("\n");
  }
}

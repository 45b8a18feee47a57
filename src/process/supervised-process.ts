import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Failure } from "../output/index.js";

/** How a process ended: by itself with a status, or by a signal. */
export interface Ending {
  status: number | null;
  signal: NodeJS.Signals | null;
}

/** What to start, and what becomes of its output. */
export interface Program {
  command: string;
  args?: readonly string[];
  /** The whole environment. */
  env: NodeJS.ProcessEnv;
  /** Called with each line of standard output and error. Without it, both go where ours go. */
  onLine?: (line: string) => void;
}

/**
 * A child process that we answer for. It runs in a session of its own, so that Ctrl-C in a terminal reaches it through us
 * alone; and it holds the other end of a pipe as its standard input, which ends when we die, however we die: a
 * program started here must take that for a request to stop.
 */
export class SupervisedProcess {
  /** Settles when the process has ended and its output is complete; rejects with a Failure when it could not be started. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;

  constructor({ command, args = [], env, onLine }: Program) {
    const output = onLine ? "pipe" : "inherit";
    this.#child = spawn(command, args, { env, detached: true, stdio: ["pipe", output, output] });
    this.ended = new Promise((resolve, reject) => {
      this.#child.on("error", (error) => {
        reject(new Failure(`cannot start ${command}: ${error.message}`));
      });
      this.#child.on("close", (status, signal) => {
        resolve({ status, signal });
      });
    });
    if (onLine) this.#readLines(onLine);
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Passes a signal on; nothing happens when the process has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks the process to stop with SIGTERM, and kills it when it has not ended after `graceMs` milliseconds. */
  async stop(graceMs = 5_000): Promise<Ending> {
    this.signal("SIGTERM");
    const timer = setTimeout(() => {
      this.signal("SIGKILL");
    }, graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  #readLines(onLine: (line: string) => void): void {
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", onLine);
    }
  }
}

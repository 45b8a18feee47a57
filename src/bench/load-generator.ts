import type { ChildProcess } from "node:child_process";
import { fail, ok, type Result } from "../result/index.js";
import { startChild, stopChild } from "./child.js";
import type { LoadJob, LoadResult } from "./load.js";

/** Makes measurements in a process of its own, one at a time. The process stays, so that its code is warm after the first. */
export class LoadGenerator {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = startChild("./load-process.js");
  }

  /** Runs one job to its end. Fails when the process has died or when `signal` aborts; the generator is then of no more use. */
  run(job: LoadJob, signal: AbortSignal): Promise<Result<LoadResult>> {
    const child = this.#process;
    return new Promise((resolve) => {
      const settle = (result: Result<LoadResult>) => {
        child.off("message", answered);
        child.off("exit", died);
        signal.removeEventListener("abort", aborted);
        resolve(result);
      };
      const answered = (result: unknown) => settle(ok(result as LoadResult));
      const died = () => settle(fail("the load generator's process died"));
      const aborted = () => settle(fail("interrupted"));
      if (signal.aborted) {
        aborted();
        return;
      }
      if (!child.connected) {
        died();
        return;
      }
      child.on("message", answered);
      child.on("exit", died);
      signal.addEventListener("abort", aborted);
      child.send(job);
    });
  }

  stop(): Promise<void> {
    return stopChild(this.#process);
  }
}

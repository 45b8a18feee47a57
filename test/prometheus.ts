import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A Prometheus of this machine's that runs. */
export interface RunningPrometheus {
  /** host:port */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts Prometheus with these words, among them where its files are and that it listens on a free port. */
export async function startPrometheus(words: readonly string[]): Promise<RunningPrometheus> {
  const prometheus = spawn("prometheus", [...words, "--log.format=json"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(prometheus, "exit");
  const lines: string[] = [];
  const address = await new Promise<string>((resolve, reject) => {
    createInterface({ input: prometheus.stderr }).on("line", (line) => {
      lines.push(line);
      const { msg, address } = JSON.parse(line) as Record<string, string>;
      if (msg === "Listening on") resolve(address ?? "");
    });
    ended.then(() => reject(new Error(lines.join("\n"))), reject);
  });
  return {
    address,
    async stop() {
      prometheus.kill("SIGKILL");
      await ended;
    },
  };
}

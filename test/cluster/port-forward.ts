// A port of a pod or a Service as a port of this machine, by kubectl.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { kubectl } from "./administrator.js";

/** A forwarded port, until it is closed. */
export interface PortForward {
  /** host:port */
  readonly address: string;
  readonly close: () => void;
}

/** @param resource as kubectl takes it: `svc/web` */
export async function forwardPort(namespace: string, resource: string, port: number): Promise<PortForward> {
  const [program = "", ...words] = kubectl.words(["port-forward", "-n", namespace, resource, `:${port}`]);
  const forward = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise<string>((resolve, reject) => {
    forward.on("error", reject);
    forward.on("exit", () => reject(new Error("kubectl port-forward ended")));
    createInterface({ input: forward.stdout }).on("line", (line) => {
      const [, found] = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  return { address, close: () => void forward.kill() };
}

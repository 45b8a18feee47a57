import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import type { Kubectl } from "./machine/kubectl.js";

/** Makes a port of a pod's loopback reachable here until the test ends; gives the address. */
export function forwardPort(
  kubectl: Kubectl,
  namespace: string,
  target: string,
  port: number,
): Promise<string> {
  const [program = "", ...args] = kubectl.words(["port-forward", "-n", namespace, target, `:${port}`]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill());
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const address = /^Forwarding from (127\.0\.0\.1:\d+) /.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.on("error", reject).on("exit", () => reject(new Error(`port-forward of ${target} ended`)));
  });
}

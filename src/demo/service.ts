import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { Failure } from "../output/index.js";
import { type Ending, SupervisedProcess } from "../process/index.js";

/** What a service prints when it listens. */
const LISTENING = "listening";

/** A service of the demo, in a process of its own. */
export interface Service {
  pid: number;
  ended: Promise<Ending>;
  stop(): Promise<Ending>;
}

/** A port on loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

/**
 * Starts a service of the hello-world sample at a port of loopback, and waits until it listens; it never outlives us.
 * `within` are words that the command line begins with.
 * @throws Failure when it ends instead
 */
export async function startService(
  name: "hello" | "world",
  port: number,
  env: Readonly<Record<string, string>> = {},
  within: readonly string[] = [],
): Promise<Service> {
  let onListening: () => void = () => undefined;
  const listening = new Promise<void>((resolve) => (onListening = resolve));
  const said: string[] = [];
  const [command, ...args] = [...within, process.execPath];
  const service = new SupervisedProcess({
    command,
    args: [...args, fileURLToPath(new URL(`../../samples/hello-world/${name}.js`, import.meta.url))],
    env: { ...process.env, ...env, HOST: "127.0.0.1", PORT: String(port), END_WITH_INPUT: "true" },
    onLine: (line) => {
      said.push(line);
      if (line === LISTENING) onListening();
    },
  });
  const endedEarly = service.ended.then((): never => {
    throw new Failure(`the demo's service ${name} ended: ${said.join(" ")}`);
  });
  await Promise.race([listening, endedEarly]);
  return { pid: service.pid ?? 0, ended: service.ended, stop: () => service.stop() };
}

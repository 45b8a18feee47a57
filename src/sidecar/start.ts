import { Failure } from "../output/index.js";
import { type Ending, SupervisedProcess } from "../process/index.js";
import { findProxyBinary } from "./binary.js";
import { type SidecarAddresses, sidecarAddresses } from "./listening.js";
import { type SidecarSettings, sidecarEnvironment } from "./settings.js";

/** A proxy that we started and that listens. */
export interface Sidecar {
  pid: number;
  addresses: SidecarAddresses;
  ended: Promise<Ending>;
  /** Resolves when the process has ended. Requests in flight have `graceMs` milliseconds (5,000 when absent) to finish. */
  stop(graceMs?: number): Promise<Ending>;
}

/** Lines of the log that are kept, to tell why a proxy ended. */
const KEPT_LINES = 5;

/**
 * Starts a sidecar that ends with us, however we end, and waits until it listens. Its log is not shown. `within` are words
 * that the command line begins with.
 * @throws Failure when it ends instead, with the last lines of its log
 */
export async function startSidecar(
  settings: Omit<SidecarSettings, "logLevel" | "logFormat">,
  within: readonly string[] = [],
): Promise<Sidecar> {
  const said: string[] = [];
  let onListening: (addresses: SidecarAddresses) => void = () => undefined;
  const listening = new Promise<SidecarAddresses>((resolve) => (onListening = resolve));
  const [command, ...args] = [...within, findProxyBinary()];
  const proxy = new SupervisedProcess({
    command,
    args,
    env: {
      ...withoutProxySettings(process.env),
      ...sidecarEnvironment({ ...settings, logLevel: "info", logFormat: "json" }),
      MESH_PROXY_STOP_WITH_STDIN: "true",
    },
    onLine: (line) => {
      said.splice(0, said.length - KEPT_LINES + 1);
      said.push(line);
      const addresses = sidecarAddresses(line);
      if (addresses) onListening(addresses);
    },
  });
  const endedEarly = proxy.ended.then(({ status, signal }): never => {
    const name = settings.name ?? "without a name";
    throw new Failure(`the sidecar ${name} ended with ${signal ?? `status ${status}`}: ${said.join(" ")}`);
  });
  const addresses = await Promise.race([listening, endedEarly]);
  return { pid: proxy.pid ?? 0, addresses, ended: proxy.ended, stop: (graceMs) => proxy.stop(graceMs) };
}

function withoutProxySettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MESH_PROXY_")));
}

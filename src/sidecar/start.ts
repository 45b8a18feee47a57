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
  /** Passes a signal on; nothing happens when the process has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended. Requests in flight have `graceMs` milliseconds (5,000 when absent) to finish. */
  stop(graceMs?: number): Promise<Ending>;
}

/** How a sidecar is started, beside its settings. */
export interface SidecarStart {
  /** Words that the command line begins with. */
  within?: readonly string[];
  /** More of its environment. */
  variables?: Readonly<Record<string, string>>;
  /** Called with each line of its log, in JSON. */
  onLine?: (line: string) => void;
}

/** Lines of the log that are kept, to tell why a proxy ended. */
const KEPT_LINES = 5;

/**
 * Starts a sidecar that ends with us, however we end, and waits until it listens. Its log is not shown.
 * @throws Failure when it ends instead, with the last lines of its log
 */
export async function startSidecar(
  settings: Omit<SidecarSettings, "logLevel" | "logFormat">,
  { within = [], variables = {}, onLine = () => undefined }: SidecarStart = {},
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
      ...variables,
    },
    onLine: (line) => {
      onLine(line);
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
  return {
    pid: proxy.pid ?? 0,
    addresses,
    ended: proxy.ended,
    signal: (signal) => proxy.signal(signal),
    stop: (graceMs) => proxy.stop(graceMs),
  };
}

function withoutProxySettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MESH_PROXY_")));
}

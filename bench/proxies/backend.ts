import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { LOAD_CORE, onCore } from "./cores.js";
import { freePort } from "../ports.js";
import { startServer, type Upstream } from "./server.js";

/** The path of the large answer, and its size. */
export const BODY_PATH = "/1mb";
export const BODY_BYTES = 1_000_000;

/** What is behind all proxies. */
export interface Backend extends Upstream {
  /** Where it takes HTTP/2 alone, and answers as a gRPC service does; of 127.0.0.1. */
  readonly http2Port: number;
  stop(): Promise<void>;
}

/** Starts the service behind all proxies, nginx for requests and iperf3 for anything else, on the load's core. */
export async function startBackend(directory: string): Promise<Backend> {
  await writeFile(join(directory, "1mb"), randomBytes(BODY_BYTES));
  const opaque = await startIperf();
  try {
    const http2Port = await freePort();
    const web = await startNginx(directory, http2Port);
    const stop = async () => {
      await Promise.all([web.stop(), opaque.stop()]);
    };
    return { port: web.port, opaquePort: opaque.port, http2Port, stop };
  } catch (error) {
    await opaque.stop();
    throw error;
  }
}

function startNginx(directory: string, http2Port: number) {
  return startServer(
    {
      core: LOAD_CORE,
      command: "nginx",
      configuration: "backend.conf",
      args: ({ directory: home, configuration }) => ["-e", "stderr", "-p", home, "-c", configuration],
      takesOpaque: false,
    },
    // It is its own backend in HTTP/2.
    { directory, upstream: { port: http2Port, opaquePort: 0 } },
  );
}

async function startIperf() {
  const port = await freePort();
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (onReady = resolve));
  const server = new SupervisedProcess({
    ...onCore(LOAD_CORE, "iperf3", "--server", "--bind", "127.0.0.1", "--port", String(port), "--forceflush"),
    env: process.env,
    onLine: (line) => {
      if (line.startsWith("Server listening")) onReady();
    },
  });
  const ended = server.ended.then((): never => {
    throw new Failure("iperf3's server ended");
  });
  await Promise.race([ready, ended]);
  ended.catch(() => undefined);
  return { port, stop: () => server.stop() };
}

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { onCore } from "./cores.js";
import { ask } from "./http.js";
import { freePort } from "../ports.js";
import type { RunningRow } from "./row.js";

const START_LIMIT_MS = 15_000;
const STOP_MS = 2000;
const POLL_MS = 50;
const KEPT_LINES = 5;
const CONFIGURATION = new URL(
  import.meta.url.includes("/dist/") ? "../../../bench/proxies/configuration/" : "configuration/",
  import.meta.url,
);

/** Where to send requests on, and bytes of another protocol; ports of 127.0.0.1. */
export interface Upstream {
  readonly port: number;
  readonly opaquePort: number;
}

/** What a server is told beside its own ports. */
export interface Surroundings {
  /** Where everybody's folders are. */
  readonly directory: string;
  readonly upstream: Upstream;
  /** Folder of certificates and keys, for those who speak TLS. */
  readonly credentials?: string;
}

/** What a server is told about where it runs. */
export interface Place {
  /** A folder of its own. */
  readonly directory: string;
  readonly port: number;
  readonly opaquePort: number;
  /** Path of its configuration, with the ports filled in. */
  readonly configuration: string;
}

/** A server that is told its ports, and those of the backend, by a file or by its arguments. */
export interface Server {
  readonly core: number;
  readonly command: string;
  /**
   * A file of `configuration/`, in which `$LISTEN` and `$BACKEND` stand for the ports for HTTP, `$OPAQUE_LISTEN` and
   * `$OPAQUE_BACKEND` for those for anything else, and `$CREDENTIALS` for the folder of certificates.
   */
  readonly configuration?: string;
  readonly args: (place: Place) => readonly string[];
  /** Whether it relays what it does not understand, at a port of its own. */
  readonly takesOpaque: boolean;
  /** Rejects as long as it is not ready; a request of HTTP/1 when left out. */
  readonly ask?: (port: number) => Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1, with a folder of its own, and waits until it answers.
 * @throws Failure when it ends instead, with what it said last
 */
export async function startServer(
  server: Server,
  { directory, upstream, credentials = "" }: Surroundings,
): Promise<RunningRow> {
  const [port, opaquePort] = [await freePort(), await freePort()];
  const home = join(directory, `${server.command.replace(/.*\//, "")}-${port}`);
  await mkdir(join(home, "temporary"), { recursive: true });
  const configuration = join(home, server.configuration ?? "none");
  if (server.configuration !== undefined) {
    const template = await readFile(new URL(server.configuration, CONFIGURATION), "utf8");
    const values = {
      $LISTEN: port,
      $BACKEND: upstream.port,
      $OPAQUE_LISTEN: opaquePort,
      $OPAQUE_BACKEND: upstream.opaquePort,
      $CREDENTIALS: credentials,
    };
    await writeFile(configuration, fillIn(template, values));
  }
  const said: string[] = [];
  const child = new SupervisedProcess({
    ...onCore(
      server.core,
      server.command,
      ...server.args({ directory: home, port, opaquePort, configuration }),
    ),
    env: process.env,
    onLine: (line) => said.splice(0, Math.max(0, said.push(line) - KEPT_LINES)),
  });
  const stop = async () => {
    await child.stop(STOP_MS);
  };
  const ended = child.ended.then(({ status, signal }): never => {
    throw new Failure(`${server.command} ended with ${signal ?? `status ${status}`}: ${said.join(" ")}`);
  });
  try {
    await Promise.race([untilReady(server, port), ended]);
  } catch (error) {
    await stop();
    throw error;
  }
  ended.catch(() => undefined);
  const pids = child.pid === undefined ? [] : [child.pid];
  return { port, opaquePort: server.takesOpaque ? opaquePort : null, pids, stop };
}

function fillIn(template: string, values: Readonly<Record<string, number | string>>): string {
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(name, String(value)),
    template,
  );
}

async function untilReady(server: Server, port: number): Promise<void> {
  const isReady = server.ask ?? ask;
  const limit = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await isReady(port);
      return;
    } catch (error) {
      if (Date.now() > limit) throw new Failure(`${server.command} does not answer: ${String(error)}`);
      await sleep(POLL_MS);
    }
  }
}

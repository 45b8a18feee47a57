import { existsSync } from "node:fs";
import { PROXY_CORE } from "./cores.js";
import { startServer, type Server } from "./server.js";
import type { Row } from "./row.js";
import { versionOf } from "./versions.js";

/** Which programs take part, apart from those of Debian's packages: paths; undefined where there is none. */
export interface Programs {
  readonly envoy: string | undefined;
  readonly floor: string | undefined;
}

/** The name of the row that ratios refer to. */
export const REFERENCE = "HAProxy";

/** The direct call, the floor, and the proxies of others that are on this machine, each with one worker. */
export async function peerRows(
  { envoy, floor }: Programs,
  directory: string,
  backend: number,
): Promise<readonly Row[]> {
  const row = async (name: string, version: Promise<string>, server: Server): Promise<Row> => ({
    name,
    title: `${name} ${await version}`.trim(),
    start: () => startServer(server, directory, backend),
  });
  const rows = [
    Promise.resolve(directRow(backend)),
    floor !== undefined && row("floor", Promise.resolve(""), floorServer(floor, backend)),
    row("nginx", versionOf("nginx", "-v"), NGINX),
    row(REFERENCE, versionOf("haproxy", "-v"), HAPROXY),
    envoy !== undefined &&
      existsSync(envoy) &&
      row("Envoy", versionOf(envoy, "--version"), envoyServer(envoy)),
  ];
  return Promise.all(rows.filter((one) => one !== false));
}

function directRow(backend: number): Row {
  return {
    name: "direct",
    title: "direct",
    start: () => Promise.resolve({ port: backend, pid: null, stop: () => Promise.resolve() }),
  };
}

function floorServer(command: string, backend: number): Server {
  return {
    core: PROXY_CORE,
    command,
    args: ({ port }) => [`127.0.0.1:${port}`, `127.0.0.1:${backend}`],
  };
}

const NGINX: Server = {
  core: PROXY_CORE,
  command: "nginx",
  configuration: "nginx.conf",
  args: ({ directory, configuration }) => ["-e", "stderr", "-p", directory, "-c", configuration],
};

const HAPROXY: Server = {
  core: PROXY_CORE,
  command: "haproxy",
  configuration: "haproxy.cfg",
  args: ({ configuration }) => ["-db", "-f", configuration],
};

function envoyServer(command: string): Server {
  return {
    core: PROXY_CORE,
    command,
    configuration: "envoy.yaml",
    args: ({ configuration }) => [
      ...["-c", configuration, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
    ],
  };
}

import { existsSync } from "node:fs";
import { PROXY_CORE } from "./cores.js";
import type { Row } from "./row.js";
import { startServer, type BackendPorts, type Server } from "./server.js";
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
  backend: BackendPorts,
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

function directRow(backend: BackendPorts): Row {
  return {
    name: "direct",
    title: "direct",
    start: () => Promise.resolve({ ...backend, pid: null, stop: () => Promise.resolve() }),
  };
}

function floorServer(command: string, backend: BackendPorts): Server {
  return {
    core: PROXY_CORE,
    command,
    args: ({ port, opaquePort }) => [
      ...[`127.0.0.1:${port}`, `127.0.0.1:${backend.port}`],
      ...[`127.0.0.1:${opaquePort}`, `127.0.0.1:${backend.opaquePort}`],
    ],
    takesOpaque: true,
  };
}

const NGINX: Server = {
  core: PROXY_CORE,
  command: "nginx",
  configuration: "nginx.conf",
  args: ({ directory, configuration }) => ["-e", "stderr", "-p", directory, "-c", configuration],
  // Debian's nginx-light comes without the module for it.
  takesOpaque: false,
};

const HAPROXY: Server = {
  core: PROXY_CORE,
  command: "haproxy",
  configuration: "haproxy.cfg",
  args: ({ configuration }) => ["-db", "-f", configuration],
  takesOpaque: true,
};

function envoyServer(command: string): Server {
  return {
    core: PROXY_CORE,
    command,
    configuration: "envoy.yaml",
    args: ({ configuration }) => [
      ...["-c", configuration, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
    ],
    takesOpaque: true,
  };
}

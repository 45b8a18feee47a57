import { existsSync } from "node:fs";
import type { Arrangement } from "./arrangement.js";
import { PROXY_CORE } from "./cores.js";
import { askHttp2, reach } from "./http.js";
import type { Row, RunningRow } from "./row.js";
import { startServer, type Server, type Surroundings } from "./server.js";
import { versionOf } from "./versions.js";

/** Which programs take part, apart from those of Debian's packages: paths; undefined where there is none. */
export interface Programs {
  readonly envoy: string | undefined;
  readonly floor: string | undefined;
}

/** The name of the row that ratios refer to. */
export const REFERENCE = "HAProxy";

/** A proxy of others, in each of the roles that it can take. */
interface Peer {
  readonly name: string;
  readonly command: string;
  readonly versionFlag: string;
  readonly args: Server["args"];
  /** Its configuration is `configuration/KIND.EXTENSION`, with the role behind the kind. */
  readonly kind: string;
  readonly extension: string;
  readonly takesOpaque: boolean;
}

/** What a proxy is in an arrangement, as its configuration is called. */
type Role = "" | "-http2" | "-connecting" | "-accepting";

/** The arrangements in which others take part. */
type Shared = Exclude<Arrangement, "permissions">;

/** The proxies of others that are on this machine, each with one worker, in the roles of an arrangement. */
export async function peerRows(
  arrangement: Shared,
  programs: Programs,
  surroundings: Surroundings,
): Promise<readonly Row[]> {
  const rows = peersOf(programs).map(async (peer): Promise<Row> => ({
    name: peer.name,
    title: `${peer.name} ${await versionOf(peer.command, peer.versionFlag)}`.trim(),
    start: () => START[arrangement](peer, surroundings),
  }));
  return Promise.all(rows);
}

type Start = (peer: Peer, surroundings: Surroundings) => Promise<RunningRow>;

const START: Readonly<Record<Shared, Start>> = {
  plain: (peer, surroundings) => startServer(inRole(peer, ""), surroundings),
  http2: (peer, surroundings) => startServer({ ...inRole(peer, "-http2"), ask: askHttp2 }, surroundings),
  secure: (peer, surroundings) =>
    startPair(
      (around) => START.accepting(peer, around),
      (around) => START.connecting(peer, around),
      surroundings,
    ),
  accepting: (peer, surroundings) => startServer({ ...inRole(peer, "-accepting"), ask: reach }, surroundings),
  connecting: (peer, surroundings) => startServer(inRole(peer, "-connecting"), surroundings),
};

/** Starts the proxy that accepts, and the one that makes connections to it. */
async function startPair(
  startAccepting: (surroundings: Surroundings) => Promise<RunningRow>,
  startConnecting: (surroundings: Surroundings) => Promise<RunningRow>,
  surroundings: Surroundings,
): Promise<RunningRow> {
  const accepting = await startAccepting(surroundings);
  try {
    const { port } = accepting;
    const connecting = await startConnecting({ ...surroundings, upstream: { port, opaquePort: 0 } });
    const stop = async () => {
      await Promise.all([connecting.stop(), accepting.stop()]);
    };
    const pids = [...connecting.pids, ...accepting.pids];
    return { ...connecting, innerPort: port, opaquePort: null, pids, stop };
  } catch (error) {
    await accepting.stop();
    throw error;
  }
}

function inRole({ command, args, kind, extension, takesOpaque }: Peer, role: Role): Server {
  const configuration = `${kind}${role}.${extension}`;
  return { core: PROXY_CORE, command, args, configuration, takesOpaque: takesOpaque && role === "" };
}

/** The name of the floor's row. */
const FLOOR = "floor";
const FLOOR_PROGRAM = "target/release/forwarding-floor";

/** The floor's program; undefined when it was not built. */
export function floorProgram(): string | undefined {
  return existsSync(FLOOR_PROGRAM) ? FLOOR_PROGRAM : undefined;
}

/** The floor, which has no version and no configuration. */
export function floorRow(command: string, surroundings: Surroundings): Row {
  return { name: FLOOR, title: FLOOR, start: () => startFloor(command, surroundings) };
}

/** Two of it one after the other, which speak plain text to each other. */
export function floorPairRow(command: string, surroundings: Surroundings): Row {
  const start = (around: Surroundings) => startFloor(command, around);
  return { name: FLOOR, title: FLOOR, start: () => startPair(start, start, surroundings) };
}

function startFloor(command: string, surroundings: Surroundings): Promise<RunningRow> {
  const { upstream } = surroundings;
  const server: Server = {
    core: PROXY_CORE,
    command,
    args: ({ port, opaquePort }) => [
      ...[`127.0.0.1:${port}`, `127.0.0.1:${upstream.port}`],
      ...[`127.0.0.1:${opaquePort}`, `127.0.0.1:${upstream.opaquePort}`],
    ],
    takesOpaque: true,
  };
  return startServer(server, surroundings);
}

const NGINX: Peer = {
  name: "nginx",
  command: "nginx",
  versionFlag: "-v",
  args: ({ directory, configuration }) => ["-e", "stderr", "-p", directory, "-c", configuration],
  kind: "nginx",
  extension: "conf",
  // Debian's nginx-light comes without the module for it.
  takesOpaque: false,
};

const HAPROXY: Peer = {
  name: REFERENCE,
  command: "haproxy",
  versionFlag: "-v",
  args: ({ configuration }) => ["-db", "-f", configuration],
  kind: "haproxy",
  extension: "cfg",
  takesOpaque: true,
};

const envoyAt = (command: string): Peer => ({
  name: "Envoy",
  command,
  versionFlag: "--version",
  args: ({ configuration }) => [
    ...["-c", configuration, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
  ],
  kind: "envoy",
  extension: "yaml",
  takesOpaque: true,
});

function peersOf({ envoy }: Programs): readonly Peer[] {
  return [NGINX, HAPROXY, ...(envoy !== undefined && existsSync(envoy) ? [envoyAt(envoy)] : [])];
}

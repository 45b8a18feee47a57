import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { demandSecured } from "../../src/bench/index.js";
import { type QuietControlPlane, startQuietControlPlane } from "../../src/quiet-control-plane/index.js";
import { type Sidecar, startSidecar } from "../../src/sidecar/index.js";
import { freePort } from "../ports.js";
import { moveTo, PROXY_CORE } from "./cores.js";
import { type Credentials, NAMESPACE, SERVER } from "./credentials.js";
import { ask, AUTHORITY } from "./http.js";
import { MESH, type Mesh, portOf } from "./mesh.js";
import { joinAs } from "./join.js";
import type { RunningRow } from "./row.js";
import type { TlsAcceptor } from "./tls-load.js";
import type { Upstream } from "./server.js";

/** The ALPN protocol by which proxies of the mesh know each other. */
export const MESH_PROTOCOL = "mesh/1";

/** The workload whose sidecar makes connections. */
export const CLIENT = "bench-client";
const LOOPBACK = "127.0.0.1:0";
const STOP_MS = 2000;

/** Sidecars that have certificates of the control plane's authority. */
export class SecureMesh {
  readonly #controlPlane: QuietControlPlane;
  #started = 0;

  private constructor(controlPlane: QuietControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /** Starts a control plane, in this process, that knows the service by an endpoint at a port of 127.0.0.1. */
  static async start({ home }: Credentials, endpoint: number): Promise<SecureMesh> {
    await mkdir(join(home, "disco"), { recursive: true });
    await writeFile(join(home, "disco", AUTHORITY), `127.0.0.1 ${endpoint}\n`);
    return new SecureMesh(await startQuietControlPlane(home, "bench", "127.0.0.1"));
  }

  get discoveryAddress(): string {
    return this.#controlPlane.discoveryAddress;
  }

  /** What a proxy of the server's workload shows to the control plane. */
  get server() {
    return this.#controlPlane.credentialsOf(SERVER);
  }

  /** Starts the sidecar that makes connections, at an outbound port. */
  connecting(): Promise<Sidecar> {
    return this.#start(CLIENT, { outbound: LOOPBACK });
  }

  /** Starts the sidecar that accepts connections, at this port of 127.0.0.1. */
  accepting(port: number, upstream: Upstream): Promise<Sidecar> {
    return this.#start(SERVER, {
      outbound: "off",
      inbound: [`127.0.0.1:${port}=127.0.0.1:${upstream.port}`],
    });
  }

  stop(): Promise<void> {
    return this.#controlPlane.stop();
  }

  async #start(workload: string, ports: { outbound: string; inbound?: string[] }): Promise<Sidecar> {
    // Another name each time: the one before may not have left yet.
    const name = `${workload}-${this.#started}`;
    this.#started += 1;
    const sidecar = await startSidecar({
      name,
      workload,
      ...ports,
      ...(await this.#controlPlane.credentialsOf(workload)),
      controlPlane: this.discoveryAddress,
      admin: LOOPBACK,
      tap: LOOPBACK,
      workers: "1",
    });
    try {
      await moveTo(PROXY_CORE, sidecar.pid);
      await this.#controlPlane.joined(name);
    } catch (error) {
      await sidecar.stop(STOP_MS);
      throw error;
    }
    return sidecar;
  }
}

/** Two sidecars with mTLS between them, and the control plane that certifies them. */
export async function startSecurePair(credentials: Credentials, upstream: Upstream): Promise<Mesh> {
  const endpoint = await freePort();
  const mesh = await SecureMesh.start(credentials, endpoint);
  const start = () => startPair(mesh, endpoint, upstream);
  return { row: { name: MESH, title: MESH, start }, stop: () => mesh.stop() };
}

/** One sidecar that takes mTLS. */
export async function startAccepting(credentials: Credentials, upstream: Upstream): Promise<Mesh> {
  const port = await freePort();
  const mesh = await SecureMesh.start(credentials, port);
  const start = async (): Promise<RunningRow> => {
    const sidecar = await mesh.accepting(port, upstream);
    const takesTls = { port, credentials, protocol: MESH_PROTOCOL };
    return { port, opaquePort: null, takesTls, pids: [sidecar.pid], stop: () => stopAll([sidecar]) };
  };
  return { row: { name: MESH, title: MESH, start }, stop: () => mesh.stop() };
}

/** One sidecar that makes mTLS connections to an acceptor, for which it is told that a sidecar is there. */
export async function startConnecting(credentials: Credentials, acceptor: TlsAcceptor): Promise<Mesh> {
  const mesh = await SecureMesh.start(credentials, acceptor.port);
  const leave = await joinAs({
    controlPlane: mesh.discoveryAddress,
    ...(await mesh.server),
    workload: SERVER,
    namespace: NAMESPACE,
    identity: credentials.identity,
    address: `127.0.0.1:${acceptor.port}`,
  });
  const start = async (): Promise<RunningRow> => {
    const sidecar = await mesh.connecting();
    const port = portOf(sidecar.addresses.outbound);
    const stop = () => stopAll([sidecar]);
    try {
      await ask(port);
    } catch (error) {
      await stop();
      throw error;
    }
    return { port, opaquePort: null, connectsTo: acceptor, pids: [sidecar.pid], stop };
  };
  const stop = async () => {
    leave();
    await mesh.stop();
  };
  return { row: { name: MESH, title: MESH, start }, stop };
}

async function stopAll(sidecars: readonly Sidecar[]): Promise<void> {
  await Promise.all(sidecars.map((sidecar) => sidecar.stop(STOP_MS)));
}

async function startPair(mesh: SecureMesh, endpoint: number, upstream: Upstream): Promise<RunningRow> {
  const sidecars: Sidecar[] = [];
  const stop = () => stopAll(sidecars);
  try {
    const accepting = await mesh.accepting(endpoint, upstream);
    sidecars.push(accepting);
    const connecting = await mesh.connecting();
    sidecars.push(connecting);
    const port = portOf(connecting.addresses.outbound);
    await ask(port);
    await demandSecured(accepting.addresses.admin);
    const pids = sidecars.map(({ pid }) => pid);
    return { port, innerPort: endpoint, opaquePort: null, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "../catalog/index.js";
import { startControlPlane } from "../control-plane/index.js";
import { type SidecarCredentials, startQuietControlPlane } from "../quiet-control-plane/index.js";
import { Failure } from "../output/index.js";
import { fail, ok } from "../result/index.js";
import { startSidecar, type Sidecar, type SidecarSettings } from "../sidecar/index.js";
import { startChild, stopChild } from "./child.js";
import type { Protocol } from "./protocol.js";
import type { Scenario, ScenarioResult } from "./scenario.js";
import { demandSecured } from "./secured.js";
import { type Address, rowOfTwo, schemeOf, type Target } from "./target.js";
import { untilAnswered } from "./until-answered.js";

const CLIENT = "bench-client";
const SERVER = "bench-server";
/** The service's names: endpoints are the service itself, or its sidecar. */
const UNMESHED = "bench-unmeshed";
const MESHED = "bench";
const START_LIMIT_MS = 15_000;
const STOP_MS = 1000;
const ANY_PORT = "127.0.0.1:0";

/** What the sidecars carry, and how. */
export interface Carried {
  readonly protocol: Protocol;
  /** Whether they speak mTLS to each other, with certificates of an authority that ends with the bench. */
  readonly tls: boolean;
}

/**
 * Starts a service, a control plane, and a sidecar each for the service and for its client, all on loopback and free ports.
 * The same client sidecar is in the way of both proxied targets; only one of them goes on through the server's sidecar. The other is
 * plain text whatever is carried: a service without a sidecar has no certificate.
 */
export async function startSidecars(carried: Carried, signal: AbortSignal): Promise<ScenarioResult> {
  const directory = await mkdtemp(join(tmpdir(), "mesh-bench-"));
  const sidecars = new Sidecars(directory, carried);
  try {
    await sidecars.start(signal);
    return ok(sidecars);
  } catch (error) {
    await sidecars.stop();
    if (error instanceof Failure) return fail(error);
    throw error;
  }
}

class Sidecars implements Scenario {
  targets: readonly Target[] = [];
  readonly #directory: string;
  readonly #carried: Carried;
  readonly #backend: ChildProcess;
  readonly #proxies: Sidecar[] = [];
  #controlPlane: ControlPlane | null = null;

  constructor(directory: string, carried: Carried) {
    this.#directory = directory;
    this.#carried = carried;
    this.#backend = startChild("./backend-process.js", directory, carried.protocol);
  }

  /** @throws Failure when a part does not come up, or when `signal` aborts */
  async start(signal: AbortSignal): Promise<void> {
    const { protocol, tls } = this.#carried;
    const port = await this.#backendPort();
    await mkdir(this.#names);
    const controlPlane = tls
      ? await startQuietControlPlane(this.#directory, "bench", "127.0.0.1")
      : await startPlainControlPlane(this.#directory);
    this.#controlPlane = controlPlane;
    const server = await this.#startProxy(SERVER, controlPlane, {
      outbound: "off",
      inbound: [`${ANY_PORT}=127.0.0.1:${port}`],
    });
    const client = await this.#startProxy(CLIENT, controlPlane, { outbound: ANY_PORT });
    await this.#name(UNMESHED, port);
    await this.#name(MESHED, addressOf(server.addresses.inbound[0]).port);

    const proxy = addressOf(client.addresses.outbound);
    const target = (name: string, host: string, processes: readonly number[]): Target => ({
      ...{ name, url: `${schemeOf(protocol)}://${host}/`, protocol, processes },
      proxy: processes.length === 0 ? null : proxy,
    });
    this.targets = [
      target("direct", `127.0.0.1:${port}`, []),
      target("one sidecar", UNMESHED, [client.pid]),
      target(rowOfTwo(tls), MESHED, [client.pid, server.pid]),
    ];
    for (const one of this.targets) await untilAnswered(one, START_LIMIT_MS, signal);
    if (tls) await demandSecured(server.addresses.admin);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.stop(STOP_MS)));
    await Promise.all([this.#controlPlane?.stop(), stopChild(this.#backend)]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #backendPort(): Promise<number> {
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const [port] = (await once(this.#backend, "message", { signal: limit }).catch(() => [])) as [number?];
    if (port === undefined) throw new Failure("the service for the bench did not start");
    return port;
  }

  async #startProxy(name: string, controlPlane: ControlPlane, ports: SidecarSettings): Promise<Sidecar> {
    const credentials = await controlPlane.credentialsOf?.(name);
    const proxy = await startSidecar({
      ...{ name, ...ports, ...credentials },
      ...{ controlPlane: controlPlane.discoveryAddress, admin: ANY_PORT, tap: ANY_PORT },
    });
    this.#proxies.push(proxy);
    await controlPlane.joined?.(name);
    return proxy;
  }

  /** Makes a name known whose only endpoint is this port. */
  #name(name: string, port: number): Promise<void> {
    return writeFile(join(this.#names, name), `127.0.0.1 ${port}\n`);
  }

  get #names(): string {
    return join(this.#directory, "disco");
  }
}

/** The control plane of a bench; with `tls` it makes credentials, and tells when a sidecar has joined with a certificate. */
interface ControlPlane {
  readonly discoveryAddress: string;
  credentialsOf?(workload: string): Promise<SidecarCredentials>;
  joined?(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** One without an authority. */
async function startPlainControlPlane(directory: string): Promise<ControlPlane> {
  const started = await startControlPlane({
    source: { directory },
    listen: ANY_PORT,
    apiListen: ANY_PORT,
    version: "bench",
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  return started.value;
}

function addressOf(text = ""): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Failure(`a proxy says that it listens on ${text || "nothing"}`);
  return { host: address.ip, port: address.port };
}

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "../catalog/index.js";
import { startControlPlane } from "../control-plane/index.js";
import { Failure } from "../output/index.js";
import { fail, ok } from "../result/index.js";
import { startSidecar, type Sidecar, type SidecarSettings } from "../sidecar/index.js";
import { startChild, stopChild } from "./child.js";
import type { Scenario, ScenarioResult } from "./scenario.js";
import type { Address, Target } from "./target.js";
import { untilAnswered } from "./until-answered.js";

const CLIENT = "bench-client";
const SERVER = "bench-server";
/** The service's names: endpoints are the service itself, or its sidecar. */
const UNMESHED = "bench-unmeshed";
const MESHED = "bench";
const START_LIMIT_MS = 15_000;
const STOP_MS = 1000;

/**
 * Starts a service, a control plane, and a sidecar each for the service and for its client, all on loopback and free ports.
 * The same client sidecar is in the way of both proxied targets; only one of them goes on through the server's sidecar.
 */
export async function startSidecars(signal: AbortSignal): Promise<ScenarioResult> {
  const directory = await mkdtemp(join(tmpdir(), "mesh-bench-"));
  const sidecars = new Sidecars(directory);
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
  readonly #backend: ChildProcess;
  readonly #proxies: Sidecar[] = [];
  #stopControlPlane: () => Promise<void> = () => Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
    this.#backend = startChild("./backend-process.js", directory);
  }

  /** @throws Failure when a part does not come up, or when `signal` aborts */
  async start(signal: AbortSignal): Promise<void> {
    const port = await this.#backendPort();
    const controlPlane = await this.#startControlPlane();
    const server = await this.#startProxy({
      name: SERVER,
      controlPlane,
      outbound: "off",
      inbound: [`127.0.0.1:0=127.0.0.1:${port}`],
    });
    const client = await this.#startProxy({ name: CLIENT, controlPlane, outbound: "127.0.0.1:0" });
    await this.#name(UNMESHED, port);
    await this.#name(MESHED, addressOf(server.addresses.inbound[0]).port);

    const proxy = addressOf(client.addresses.outbound);
    this.targets = [
      { name: "direct", url: `http://127.0.0.1:${port}/`, proxy: null, processes: [] },
      { name: "one sidecar", url: `http://${UNMESHED}/`, proxy, processes: [client.pid] },
      { name: "two sidecars", url: `http://${MESHED}/`, proxy, processes: [client.pid, server.pid] },
    ];
    for (const target of this.targets) await untilAnswered(target, START_LIMIT_MS, signal);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.stop(STOP_MS)));
    await Promise.all([this.#stopControlPlane(), stopChild(this.#backend)]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #backendPort(): Promise<number> {
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const [port] = (await once(this.#backend, "message", { signal: limit }).catch(() => [])) as [number?];
    if (port === undefined) throw new Failure("the service for the bench did not start");
    return port;
  }

  /** Gives the address for proxies. */
  async #startControlPlane(): Promise<string> {
    await mkdir(this.#names);
    const started = await startControlPlane({
      source: { directory: this.#directory },
      listen: "127.0.0.1:0",
      apiListen: "127.0.0.1:0",
      version: "bench",
      logFormat: "text",
      writeLog: () => undefined,
    });
    if (!started.ok) throw started.error;
    this.#stopControlPlane = () => started.value.stop();
    return started.value.discoveryAddress;
  }

  async #startProxy(settings: SidecarSettings): Promise<Sidecar> {
    const proxy = await startSidecar({ ...settings, admin: "127.0.0.1:0", tap: "127.0.0.1:0" });
    this.#proxies.push(proxy);
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

function addressOf(text = ""): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Failure(`a proxy says that it listens on ${text || "nothing"}`);
  return { host: address.ip, port: address.port };
}

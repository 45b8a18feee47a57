import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress, type Catalog, type ConnectedProxy } from "../catalog/index.js";
import { startControlPlane } from "../control-plane/index.js";
import { Failure } from "../output/index.js";
import { SupervisedProcess } from "../process/index.js";
import { fail, ok } from "../result/index.js";
import { findProxyBinary, sidecarEnvironment, type SidecarSettings } from "../sidecar/index.js";
import { startChild, stopChild } from "./child.js";
import { probe } from "./probe.js";
import type { Scenario, ScenarioResult } from "./scenario.js";
import type { Address, Target } from "./target.js";

const NAMESPACE = "default";
const CLIENT = "bench-client";
const SERVER = "bench-server";
/** The service's names: endpoints are the service itself, or its sidecar. */
const UNMESHED = "bench-unmeshed";
const MESHED = "bench";
const START_LIMIT_MS = 15_000;
const PROBE_MS = 1000;
const POLL_MS = 50;

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
  readonly #proxies: SupervisedProcess[] = [];
  /** The last line that a proxy has printed. */
  #lastLine = "";
  #stopControlPlane: () => Promise<void> = () => Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
    this.#backend = startChild("./backend-process.js", directory);
  }

  /** @throws Failure when a part does not come up, or when `signal` aborts */
  async start(signal: AbortSignal): Promise<void> {
    const port = await this.#backendPort();
    const names = join(this.#directory, "disco");
    await mkdir(names);
    await writeFile(join(names, UNMESHED), `127.0.0.1 ${port}\n`);
    const { catalog, discoveryAddress } = await this.#startControlPlane();

    const settings = { namespace: NAMESPACE, controlPlane: discoveryAddress };
    const [server, client] = await Promise.all([
      this.#startProxy(catalog, signal, {
        ...settings,
        name: SERVER,
        outbound: "off",
        inbound: [`127.0.0.1:0=127.0.0.1:${port}`],
      }),
      this.#startProxy(catalog, signal, { ...settings, name: CLIENT, outbound: "127.0.0.1:0" }),
    ]);
    await writeFile(join(names, MESHED), `127.0.0.1 ${addressOf(server.proxy.inbound[0]?.address).port}\n`);

    const proxy = addressOf(client.proxy.outboundAddress);
    this.targets = [
      { name: "direct", url: `http://127.0.0.1:${port}/`, proxy: null, processes: [] },
      { name: "one sidecar", url: `http://${UNMESHED}/`, proxy, processes: [client.pid] },
      { name: "two sidecars", url: `http://${MESHED}/`, proxy, processes: [client.pid, server.pid] },
    ];
    for (const target of this.targets) await untilAnswered(target, signal);
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#proxies.map((proxy) => proxy.stop()));
    await Promise.all([this.#stopControlPlane(), stopChild(this.#backend)]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #backendPort(): Promise<number> {
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const [port] = (await once(this.#backend, "message", { signal: limit }).catch(() => [])) as [number?];
    if (port === undefined) throw new Failure("the service for the bench did not start");
    return port;
  }

  async #startControlPlane(): Promise<{ catalog: Catalog; discoveryAddress: string }> {
    const started = await startControlPlane({
      directory: this.#directory,
      listen: "127.0.0.1:0",
      apiListen: "127.0.0.1:0",
      version: "bench",
      logFormat: "text",
      writeLog: () => undefined,
    });
    if (!started.ok) throw started.error;
    this.#stopControlPlane = () => started.value.stop();
    return started.value;
  }

  /** Starts a proxy and waits until it has told the control plane where it listens. */
  async #startProxy(
    catalog: Catalog,
    signal: AbortSignal,
    settings: SidecarSettings & { name: string },
  ): Promise<{ pid: number; proxy: ConnectedProxy }> {
    const process = new SupervisedProcess({
      command: findProxyBinary(),
      env: {
        ...sidecarEnvironment({ ...settings, admin: "127.0.0.1:0", tap: "127.0.0.1:0" }),
        MESH_PROXY_STOP_WITH_STDIN: "true",
        MESH_PROXY_DRAIN_TIMEOUT: "1s",
      },
      onLine: (line) => (this.#lastLine = line),
    });
    this.#proxies.push(process);
    let ended = false;
    const end = process.ended.finally(() => (ended = true));
    end.catch(() => undefined);
    return until(
      () => `the proxy ${settings.name} to start`,
      signal,
      async () => {
        if (ended) {
          await end;
          throw new Failure(`the proxy ${settings.name} ended at its start: ${this.#lastLine}`);
        }
        const proxy = catalog.proxies.get(NAMESPACE, settings.name);
        return proxy && process.pid !== undefined ? { pid: process.pid, proxy } : undefined;
      },
    );
  }
}

async function untilAnswered(target: Target, signal: AbortSignal): Promise<void> {
  let failure: string | undefined = "nothing";
  await until(
    () => `${target.url} (${target.name}) to answer, the last answer was: ${failure ?? ""}`,
    signal,
    async () => {
      failure = await probe(target, PROBE_MS);
      return failure === undefined ? true : undefined;
    },
  );
}

/**
 * Asks until there is an answer.
 * @throws Failure when that takes too long, or when `signal` aborts
 */
async function until<T>(
  what: () => string,
  signal: AbortSignal,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const limit = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (signal.aborted) throw new Failure("interrupted");
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > limit) throw new Failure(`waited in vain for ${what()}`);
    await sleep(POLL_MS);
  }
}

function addressOf(text = ""): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Failure(`a proxy says that it listens on ${text || "nothing"}`);
  return { host: address.ip, port: address.port };
}

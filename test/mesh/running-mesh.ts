// A whole mesh for a test: a control plane that reads a directory, and proxies, all real processes on free ports.
import { credentials, type requestCallback } from "@grpc/grpc-js";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { freePort } from "../../bench/ports.js";
import type { CheckResponse__Output } from "../../generated/mesh/api/v1/CheckResponse.js";
import type { ListResponse__Output } from "../../generated/mesh/api/v1/ListResponse.js";
import { createAuthority, DEFAULT_TRUST_DOMAIN, issueToken, rootsFile } from "../../src/identity/index.js";
import { type Ending, SupervisedProcess } from "../../src/process/index.js";
import { loadApi } from "../../src/proto/index.js";
import {
  findProxyBinary,
  type SidecarAddresses,
  sidecarAddresses,
  sidecarEnvironment,
  type SidecarSettings,
} from "../../src/sidecar/index.js";
import { MESH } from "../mesh-command.js";
import { MetricsPage } from "./metrics-page.js";

/** For what takes as long as it takes: polled often, given up late. */
export const SOON = { timeout: 60_000, interval: 10 };

/** A proxy of a running mesh. */
export interface RunningProxy {
  name: string;
  pid: number;
  addresses: SidecarAddresses;
  /** Lines of the log so far. */
  log: readonly string[];
  ended: Promise<Ending>;
  signal(signal: NodeJS.Signals): void;
}

/** Tells where a proxy takes its application's requests. */
export function outboundOf({ addresses }: RunningProxy): string {
  if (addresses.outbound === undefined) throw new Error("the proxy takes no outbound traffic");
  return addresses.outbound;
}

/** Tells where others reach the application behind a proxy. */
export function inboundOf({ addresses }: RunningProxy): string {
  const [address] = addresses.inbound;
  if (address === undefined) throw new Error("the proxy has no inbound listener");
  return address;
}

/** What a proxy has counted so far. */
export async function metricsOf({ addresses }: RunningProxy): Promise<MetricsPage> {
  return new MetricsPage(await (await fetch(`http://${addresses.admin}/metrics`)).text());
}

/** The resident memory of a process, in bytes. */
export function residentBytes({ pid }: { pid: number }): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kilobytes) * 1024;
}

function answer<T>(call: (respond: requestCallback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (response) resolve(response);
      else reject(error ?? new Error("no answer"));
    });
  });
}

/** A control plane with its directory, and the proxies that were started for it. */
export class RunningMesh {
  /** What `--directory` names. */
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-"));
  /** Lines of the control plane's log so far. */
  readonly log: string[] = [];
  readonly discoveryAddress: string;
  readonly apiAddress: string;
  readonly #proxies: SupervisedProcess[] = [];
  #controlPlane: SupervisedProcess | undefined;
  #services = 0;
  #secured = false;

  /**
   * A mesh with a control plane and these services; each is a list of endpoints, host:port.
   * @param files more of its directory: names and texts
   */
  static async start(
    services: Readonly<Record<string, readonly string[]>> = {},
    files: Readonly<Record<string, string>> = {},
  ): Promise<RunningMesh> {
    const mesh = new RunningMesh(await freePort(), await freePort());
    for (const [name, endpoints] of Object.entries(services)) mesh.setService(name, endpoints);
    for (const [name, text] of Object.entries(files)) mesh.write(name, text);
    await mesh.startControlPlane();
    return mesh;
  }

  /** A mesh with a certificate authority: its proxies are certified, and what goes between two of them is secured. */
  static async startSecured(): Promise<RunningMesh> {
    const mesh = new RunningMesh(await freePort(), await freePort());
    const made = await createAuthority(mesh.directory, DEFAULT_TRUST_DOMAIN);
    if (!made.ok) throw made.error;
    mesh.#secured = true;
    await mesh.startControlPlane();
    return mesh;
  }

  private constructor(discoveryPort: number, apiPort: number) {
    this.discoveryAddress = `127.0.0.1:${discoveryPort}`;
    this.apiAddress = `127.0.0.1:${apiPort}`;
    mkdirSync(join(this.directory, "disco"));
  }

  /** Starts the control plane, or starts it again at the same addresses; resolves when it answers. */
  async startControlPlane(): Promise<void> {
    const controlPlane = new SupervisedProcess({
      command: process.execPath,
      args: [
        ...[MESH, "control-plane", "run", "--directory", this.directory],
        ...["--listen", this.discoveryAddress, "--api-listen", this.apiAddress, "--stop-with-stdin"],
      ],
      env: process.env,
      onLine: (line) => this.log.push(line),
    });
    this.#controlPlane = controlPlane;
    const endedEarly = controlPlane.ended.then((ending) => {
      throw new Error(`the control plane ended: ${JSON.stringify(ending)} ${this.log.join("\n")}`);
    });
    await Promise.race([vi.waitFor(() => this.health(), SOON), endedEarly]);
    endedEarly.catch(() => undefined);
  }

  /** kill -9. */
  async killControlPlane(): Promise<void> {
    this.#controlPlane?.signal("SIGKILL");
    await this.#controlPlane?.ended;
  }

  /** Writes `disco/NAME` with these endpoints, each host:port. */
  setService(name: string, endpoints: readonly string[]): void {
    this.write(
      `disco/${name}`,
      endpoints.map((endpoint) => `${endpoint.replace(/:(\d+)$/, " $1")}\n`).join(""),
    );
  }

  /** Gives one endpoint, host:port, a service of its own that the control plane knows when this resolves. Returns its name. */
  async addServiceAt(endpoint: string, name = `service-${++this.#services}`): Promise<string> {
    this.setService(name, [endpoint]);
    await vi.waitFor(async () => expect(await this.#serviceNames()).toContain(name), SOON);
    return name;
  }

  /** Writes a file of the directory as an editor without finesse does, in place. Returns its path. */
  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  remove(name: string): void {
    rmSync(join(this.directory, name));
  }

  /** What the control plane says of itself. */
  health(): Promise<CheckResponse__Output> {
    const client = new (loadApi().mesh.api.v1.Health)(this.apiAddress, credentials.createInsecure());
    return answer<CheckResponse__Output>((respond) => client.check({}, respond)).finally(() =>
      client.close(),
    );
  }

  async #serviceNames(): Promise<string[]> {
    const client = new (loadApi().mesh.api.v1.Resources)(this.apiAddress, credentials.createInsecure());
    const { resources } = await answer<ListResponse__Output>((respond) =>
      client.list({ selector: { type: "service" } }, respond),
    ).finally(() => client.close());
    return resources.map(({ name }) => name);
  }

  /**
   * Starts a proxy of this mesh on free ports and waits until it listens.
   * @param variables more of its environment
   */
  async startProxy(
    settings: SidecarSettings & { name: string },
    variables: Readonly<Record<string, string>> = {},
  ): Promise<RunningProxy> {
    const log: string[] = [];
    let listens: (addresses: SidecarAddresses) => void = () => undefined;
    const listening = new Promise<SidecarAddresses>((resolve) => (listens = resolve));
    const proxy = new SupervisedProcess({
      command: findProxyBinary(),
      env: {
        ...sidecarEnvironment({
          ...{ controlPlane: this.discoveryAddress, outbound: "0", admin: "0", tap: "0" },
          ...(this.#secured && (await this.#credentialsOf(settings))),
          ...settings,
          logFormat: "json",
        }),
        MESH_PROXY_STOP_WITH_STDIN: "true",
        ...variables,
      },
      onLine: (line) => {
        log.push(line);
        const addresses = sidecarAddresses(line);
        if (addresses) listens(addresses);
      },
    });
    this.#proxies.push(proxy);
    const endedEarly = proxy.ended.then(() => Promise.reject(new Error(`a proxy ended: ${log.join("\n")}`)));
    const addresses = await Promise.race([listening, endedEarly]);
    endedEarly.catch(() => undefined);
    return {
      name: settings.name,
      pid: proxy.pid ?? 0,
      addresses,
      log,
      ended: proxy.ended,
      signal: (signal) => proxy.signal(signal),
    };
  }

  /** A token of a proxy's own, and what it is to trust. */
  async #credentialsOf({ name, workload = name, namespace = "default" }: SidecarSettings & { name: string }) {
    const { directory } = this;
    const token = await issueToken({ directory, workload, namespace, ttl: "1h" });
    if (!token.ok) throw token.error;
    return { tokenFile: this.write(`${name}.token`, token.value), trustRoots: rootsFile(directory) };
  }

  /** Starts a proxy that only passes on what others send to the application at `address`. */
  startInbound(
    name: string,
    address: string,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<RunningProxy> {
    const workload = name.replace(/-\d+$/, "");
    return this.startProxy({ name, workload, outbound: "off", inbound: [`0=${address}`] }, variables);
  }

  /** Ends every process and removes the directory. */
  async stop(): Promise<void> {
    for (const proxy of this.#proxies) proxy.signal("SIGKILL");
    await Promise.all(this.#proxies.map(({ ended }) => ended));
    await this.killControlPlane();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

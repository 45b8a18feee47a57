import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority, DEFAULT_TRUST_DOMAIN, issueToken, rootsFile } from "../../src/identity/index.js";
import { type Sidecar, startSidecar } from "../../src/sidecar/index.js";
import type { AppProtocol } from "./app-process.js";
import { ControlPlane } from "./control-plane.js";
import { Endpoint, type Proof, type Surroundings } from "./endpoint.js";
import type { Way } from "./exchange.js";

const WEB_ENDPOINTS = 3;

/**
 * Longer than a client may dawdle over an answer that the proxy has written whole, and then keep its connection idle; shorter
 * than for an endpoint's proxy, which must not give up the other side of a connection first.
 */
const CLIENT_PROXY_VARIABLES = { MESH_PROXY_IDLE_TIMEOUT: "8s" };

/** The mesh that is soaked: all its programs are processes of their own. */
export class SoakedMesh {
  readonly services: Readonly<Record<AppProtocol, Endpoint[]>> = { web: [], stream: [] };
  readonly #removed = new Set<Endpoint>();
  #client: Sidecar | undefined;

  /** Starts all of it. Whatever was started is stopped when this fails. */
  static async start(
    directory: string,
    { mtls, ...surroundings }: Omit<Surroundings, "controlPlane" | "proofOf"> & { readonly mtls: boolean },
  ): Promise<SoakedMesh> {
    await mkdir(join(directory, "disco"), { recursive: true });
    if (mtls) {
      const made = await createAuthority(directory, DEFAULT_TRUST_DOMAIN);
      if (!made.ok) throw made.error;
    }
    const controlPlane = await ControlPlane.start(directory, surroundings.logs);
    const mesh = new SoakedMesh(directory, controlPlane);
    try {
      const proofOf = (name: string, workload: string) =>
        mtls ? proof(directory, name, workload) : Promise.resolve({});
      await mesh.#startAll({ ...surroundings, proofOf, controlPlane: controlPlane.discoveryAddress });
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  private constructor(
    private readonly directory: string,
    readonly controlPlane: ControlPlane,
  ) {}

  /** Where clients send their requests, and the name of the service there. */
  way(service: AppProtocol): Way {
    const { hostname: host, port } = new URL(`http://${this.#client?.addresses.outbound ?? ""}`);
    return { host, port: Number(port), authority: service === "web" ? "web" : "stream:7000" };
  }

  /** The admin addresses of all proxies, by name and process. */
  get proxies(): readonly { readonly name: string; readonly pid: number; readonly admin: string }[] {
    const endpoints = Object.values(this.services).flat();
    const client = {
      name: "client",
      pid: this.#client?.pid ?? 0,
      admin: this.#client?.addresses.admin ?? "",
    };
    return [client, ...endpoints.map(({ name, proxyPid: pid, admin }) => ({ name, pid, admin }))];
  }

  /** Takes an endpoint out of the directory, or puts it back. */
  async list(endpoint: Endpoint, isListed: boolean): Promise<void> {
    if (isListed) this.#removed.delete(endpoint);
    else this.#removed.add(endpoint);
    await this.#write(endpoint.service);
  }

  async stop(): Promise<void> {
    this.#client?.signal("SIGKILL");
    const endpoints = Object.values(this.services).flat();
    await Promise.all([this.#client?.ended, this.controlPlane.kill(), ...endpoints.map((one) => one.stop())]);
  }

  async #startAll(surroundings: Surroundings): Promise<void> {
    const { web, stream } = this.services;
    for (let index = 1; index <= WEB_ENDPOINTS; index += 1) {
      web.push(await Endpoint.start("web", `web-${index}`, surroundings));
    }
    stream.push(await Endpoint.start("stream", "stream-1", surroundings));
    stream.push(await Endpoint.start("stream", "stream-2-opaque", surroundings, true));
    for (const service of ["web", "stream"] as const) await this.#write(service);
    const { controlPlane, proofOf, logs, onStarted } = surroundings;
    const ephemeral = { outbound: "127.0.0.1:0", admin: "127.0.0.1:0", tap: "127.0.0.1:0" };
    this.#client = await startSidecar(
      {
        name: "client",
        workload: "client",
        controlPlane,
        ...ephemeral,
        ...(await proofOf("client", "client")),
      },
      { variables: CLIENT_PROXY_VARIABLES, onLine: (line) => logs.read("proxy client", line) },
    );
    onStarted("proxy", "client", this.#client.pid);
  }

  /** Writes a service's entry of the directory. */
  async #write(service: AppProtocol): Promise<void> {
    const listed = this.services[service].filter((endpoint) => !this.#removed.has(endpoint));
    // Whole at once: a control plane that starts may read a file while it is written.
    await writeFile(join(this.directory, service), listed.map(({ port }) => `127.0.0.1 ${port}\n`).join(""));
    await rename(join(this.directory, service), join(this.directory, "disco", service));
  }
}

/** A token for a proxy, and the roots that it is to trust. */
async function proof(directory: string, name: string, workload: string): Promise<Proof> {
  const token = await issueToken({ directory, workload, namespace: "default", ttl: "24h" });
  if (!token.ok) throw token.error;
  const tokenFile = join(directory, `${name}.token`);
  await writeFile(tokenFile, token.value);
  return { tokenFile, trustRoots: rootsFile(directory) };
}

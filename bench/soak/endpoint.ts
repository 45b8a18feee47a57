import { type Sidecar, type SidecarSettings, startSidecar } from "../../src/sidecar/index.js";
import { freePort } from "../ports.js";
import { type App, type AppProtocol, startApp } from "./app-process.js";
import type { AppLine } from "./app.js";
import type { Logs } from "./logs.js";

/** By what a proxy proves who it is, and what it trusts; nothing in a mesh of plain text. */
export type Proof = Pick<SidecarSettings, "tokenFile" | "trustRoots">;

/** What every endpoint's proxy is told of its surroundings. */
export interface Surroundings {
  readonly controlPlane: string;
  /** The proof of a proxy of this name, for a workload. */
  readonly proofOf: (name: string, workload: string) => Promise<Proof>;
  readonly seed: number;
  /** Its application has one byte wrong. */
  readonly wrongByte: boolean;
  readonly logs: Logs;
  readonly hear: (line: AppLine) => void;
  /** Called with each process that was started. */
  readonly onStarted: (program: "proxy" | "application", name: string, pid: number) => void;
}

/**
 * Clients have given up their idle connections before: an idle connection that is closed just when a request is sent on it
 * is not what is looked for here.
 */
const PROXY_VARIABLES = { MESH_PROXY_IDLE_TIMEOUT: "10s", MESH_PROXY_DRAIN_TIMEOUT: "60s" };

/** One instance of a service: an application, and the proxy before it. Both come back at the same ports. */
export class Endpoint {
  #app: App | undefined;
  #proxy: Sidecar | undefined;

  /** @param isOpaque whether its proxy is told not to look at the protocol */
  static async start(
    service: AppProtocol,
    name: string,
    surroundings: Surroundings,
    isOpaque = false,
  ): Promise<Endpoint> {
    const endpoint = new Endpoint(service, name, surroundings, isOpaque, await freePort(), await freePort());
    await endpoint.startApp();
    await endpoint.startProxy();
    return endpoint;
  }

  private constructor(
    readonly service: AppProtocol,
    readonly name: string,
    private readonly surroundings: Surroundings,
    private readonly isOpaque: boolean,
    private readonly appPort: number,
    /** Where its proxy takes what is for the application. */
    readonly port: number,
  ) {}

  /** The admin address of its proxy. */
  get admin(): string {
    return this.#proxy?.addresses.admin ?? "";
  }

  get proxyPid(): number {
    return this.#proxy?.pid ?? 0;
  }

  async startApp(): Promise<void> {
    const { hear, onStarted } = this.surroundings;
    this.#app = await startApp(this.service, this.name, this.appPort, this.surroundings, hear);
    onStarted("application", this.name, this.#app.pid);
  }

  async startProxy(): Promise<void> {
    const { controlPlane, proofOf, logs, onStarted } = this.surroundings;
    this.#proxy = await startSidecar(
      {
        name: this.name,
        workload: this.service,
        controlPlane,
        outbound: "off",
        inbound: [`${this.port}=127.0.0.1:${this.appPort}`],
        admin: "127.0.0.1:0",
        tap: "127.0.0.1:0",
        ...(await proofOf(this.name, this.service)),
        ...(this.isOpaque && { opaquePorts: String(this.appPort) }),
      },
      { variables: PROXY_VARIABLES, onLine: (line) => logs.read(`proxy ${this.name}`, line) },
    );
    onStarted("proxy", this.name, this.#proxy.pid);
  }

  /** kill -9 of the application. */
  async killApp(): Promise<void> {
    await this.#app?.kill();
  }

  /** kill -9 of the proxy. */
  async killProxy(): Promise<void> {
    this.#proxy?.signal("SIGKILL");
    await this.#proxy?.ended;
  }

  /** SIGTERM to the proxy; resolves when it has ended, with what was in flight. */
  async drainProxy(): Promise<void> {
    this.#proxy?.signal("SIGTERM");
    await this.#proxy?.ended;
  }

  async stop(): Promise<void> {
    await Promise.all([this.killProxy(), this.killApp()]);
  }
}

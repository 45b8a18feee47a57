import type { Catalog } from "../catalog/index.js";
import type { Cluster } from "../kubernetes/index.js";
import type { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { listenForAdmin } from "./admin.js";
import { listenAddress, whyNot } from "./listen.js";
import type { IdentityPart, IdentityRole } from "./identity-role.js";
import { Log } from "./log.js";
import { OwnMetrics } from "./own-metrics.js";
import { type ControlPlaneOptions, startControlPlane } from "./program.js";
import { proxyTargets } from "./proxy-targets.js";

/** What one process of the control plane does. */
export interface Roles {
  /** Discovery for proxies, and the API for commands. */
  readonly discovery?: Omit<ControlPlaneOptions, CommonOption | "refused" | "identity">;
  /** The trust root, and certificates for proxies. */
  readonly identity?: IdentityRole;
  /** The answers to what the API server asks. */
  readonly webhook?: WebhookRole;
  /** HOST:PORT for probes and for Prometheus; without it there are none. */
  readonly adminListen?: string | undefined;
}

export interface WebhookRole {
  readonly cluster: Cluster;
  /** HOST:PORT for the API server. */
  readonly listen: string;
  /** The file with the installation's values. */
  readonly values: string;
}

type CommonOption = "signal" | "version" | "logFormat" | "writeLog";
export type CommonOptions = Pick<ControlPlaneOptions, CommonOption>;

/** A process of the control plane that runs. */
export interface RunningRoles {
  stop(): Promise<void>;
}

/** Starts the roles of a process. When one cannot start, none of them runs. */
export async function startRoles(
  roles: Roles,
  common: CommonOptions,
): Promise<Result<RunningRoles, Failure>> {
  const process = new RoleProcess(common);
  const failure = await process.start(roles);
  if (!failure) return ok(process);
  await process.stop();
  return fail(failure);
}

class RoleProcess implements RunningRoles {
  readonly #common: CommonOptions;
  readonly #log: Log;
  readonly #metrics: OwnMetrics;
  readonly #running: { stop(): Promise<void> | void }[] = [];
  /** What each role is waiting for; undefined when it is ready. */
  readonly #waits: (() => string | undefined)[] = [];
  #isStarted = false;
  /** What the identity role gives to the servers for proxies. */
  #identity: IdentityPart | undefined;
  /** What the discovery role knows. */
  #catalog: Catalog | undefined;

  constructor(common: CommonOptions) {
    this.#common = common;
    this.#log = new Log(common.logFormat, common.writeLog);
    this.#metrics = new OwnMetrics(common.version);
  }

  /** Probes are answered first: what comes after may have to wait for the cluster. */
  async start({ adminListen, identity, webhook, discovery }: Roles): Promise<Failure | undefined> {
    const starts = [
      adminListen !== undefined && (() => this.#startAdmin(adminListen)),
      identity && (() => this.#startIdentity(identity)),
      webhook && (() => this.#startWebhook(webhook)),
      discovery && (() => this.#startDiscovery(discovery)),
    ];
    for (const start of starts) {
      const failure = start ? await start() : undefined;
      if (failure) return failure;
    }
    this.#isStarted = true;
    return undefined;
  }

  /** Ends the roles, the last one first. */
  async stop(): Promise<void> {
    for (const one of this.#running.splice(0).reverse()) await one.stop();
  }

  async #startAdmin(address: string): Promise<Failure | undefined> {
    const admin = await listenForAdmin(address, {
      waitingFor: () => this.#waitingFor(),
      metrics: this.#metrics,
      proxyTargets: () => (this.#catalog ? proxyTargets(this.#catalog) : []),
    });
    if (!admin.ok) return admin.error;
    this.#running.push({ stop: () => admin.value.close() });
    this.#log.info("listening for probes and metrics", { address: admin.value.address });
    return undefined;
  }

  #waitingFor(): string | undefined {
    const missing = this.#waits.map((waits) => waits()).find((one) => one !== undefined);
    return missing ?? (this.#isStarted ? undefined : "its roles to start");
  }

  /** What not every process needs is loaded where it is. */
  async #startIdentity(role: IdentityRole): Promise<Failure | undefined> {
    const { startIdentity } = await import("./identity-role.js");
    const started = await startIdentity(role, {
      failed: (message) => this.#log.error(message),
      renewed: (message) => this.#log.info(message),
      certified: (ends) => this.#metrics.certified("trust-root", ends),
    });
    if (!started.ok) return started.error;
    this.#identity = started.value;
    const { root } = started.value;
    this.#running.push(root);
    this.#waits.push(() => root.waitingFor());
    return undefined;
  }

  async #startWebhook({ cluster, listen, values }: WebhookRole): Promise<Failure | undefined> {
    const place = listenAddress(listen, "--webhook-listen");
    if (!place.ok) return place.error;
    const { startWebhook } = await import("../webhook/index.js");
    try {
      const webhook = await startWebhook({
        cluster,
        values,
        listen: place.value,
        version: this.#common.version,
        observer: {
          pod: ({ outcome, ...pod }) => this.#log.info(`pod ${outcome}`, pod),
          reviewed: (...review) => this.#metrics.reviewed(...review),
          failed: (message) => this.#log.error(message),
          certified: (ends) => this.#metrics.certified("webhook", ends),
        },
      });
      this.#running.push(webhook);
      this.#waits.push(() => webhook.waitingFor());
      this.#log.info("listening for the API server", { address: webhook.address });
      return undefined;
    } catch (error) {
      return whyNot(error, place.value, "--webhook-listen");
    }
  }

  async #startDiscovery(role: NonNullable<Roles["discovery"]>): Promise<Failure | undefined> {
    let waiting: string | undefined = "the services and workloads of the source";
    this.#waits.push(() => waiting);
    const started = await startControlPlane({
      ...role,
      ...this.#common,
      identity: this.#identity,
      refused: (reason) => this.#metrics.refusedProxy(reason),
    });
    if (!started.ok) return started.error;
    waiting = undefined;
    const running = started.value;
    const { catalog } = running;
    this.#catalog = catalog;
    this.#metrics.countMesh(
      () => running.connectedProxies(),
      () => [...catalog.proxies].filter(({ identity }) => identity === undefined).length,
      () => catalog.problems.list().length,
    );
    this.#running.push(running);
    return undefined;
  }
}

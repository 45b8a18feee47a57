// A cluster in memory that a registry reads into a catalog.
import { writeFileSync } from "node:fs";
import { vi, expect } from "vitest";
import {
  type AccountNames,
  Catalog,
  formatAddress,
  type SocketAddress,
  type Target,
} from "../../src/catalog/index.js";
import { spiffeId } from "../../src/identity/index.js";
import { Cluster } from "../../src/kubernetes/index.js";
import { startKubernetesRegistry, type KubernetesRegistry } from "../../src/registry/kubernetes/index.js";
import { type ApiServer, kubeconfigFor, startApiServer, type Watch } from "./api-server.js";

export const DEADLINE = { timeout: 60_000, interval: 20 };

/** What the lists have, by the last part of their path. */
export type Lists = Record<string, object[]>;

/** An API server whose objects are given at the start and then told of in watches. */
export class RegisteredCluster {
  readonly catalog: Catalog;
  /** The open watches, by the last part of the path. */
  readonly watches: ReadonlyMap<string, Watch>;
  readonly #registry: KubernetesRegistry;
  readonly #cluster: Cluster;

  private constructor(
    cluster: Cluster,
    watches: ReadonlyMap<string, Watch>,
    accounts: AccountNames | undefined,
  ) {
    this.#cluster = cluster;
    this.watches = watches;
    this.catalog = new Catalog(undefined, accounts);
    this.#registry = startKubernetesRegistry(cluster, this.catalog, (account) =>
      spiffeId("mesh.test", account),
    );
  }

  /** Starts a registry of a cluster with these objects, and waits until all of them were read and are watched. */
  static async start(server: ApiServer, lists: Lists, accounts?: AccountNames): Promise<RegisteredCluster> {
    const started = await RegisteredCluster.begin(server, lists, accounts);
    await started.complete;
    await vi.waitFor(() => expect(started.watches.size).toBe(KINDS), DEADLINE);
    return started;
  }

  /** Starts a registry, and waits for nothing. */
  static async begin(server: ApiServer, lists: Lists, accounts?: AccountNames): Promise<RegisteredCluster> {
    const watches = new Map<string, Watch>();
    const root = `/cluster-${++clusters}`;
    server.answering = ({ path, query }) => {
      if (!path.startsWith(`${root}/`)) return undefined;
      const plural = path.split("/").at(-1) ?? "";
      if (query.get("watch") === "true") return { watch: (watch) => void watches.set(plural, watch) };
      return { body: { metadata: { resourceVersion: "1" }, items: lists[plural] ?? [] } };
    };
    writeFileSync(server.kubeconfig, kubeconfigFor(server.url + root, server.authority.certificate));
    const opened = await Cluster.open({ kubeconfig: server.kubeconfig }, { HOME: "/nonexistent" });
    if (!opened.ok) throw opened.error;
    return new RegisteredCluster(opened.value, watches, accounts);
  }

  /** Resolves when all that there was at the start was read. */
  get complete(): Promise<unknown> {
    return this.#registry.complete;
  }

  /** Tells of a change in the watch of a kind. */
  send(plural: string, type: string, object: object): void {
    this.watches.get(plural)?.send({ type, object });
  }

  /** Follows an authority as proxies of a namespace see it; of a pod, when one is given. */
  target(authority: string, namespace = "shop", pod?: string): Target {
    return this.catalog.watch(authority, namespace, SILENT, pod);
  }

  /** Follows an address that an application connects to. */
  original(address: SocketAddress, pod?: string): Target {
    return this.catalog.watchOriginal(address, SILENT, {
      namespace: "shop",
      ...(pod !== undefined && { instance: pod }),
    });
  }

  stop(): void {
    this.#registry.stop();
    this.#cluster.close();
  }
}

/** How many kinds the registry watches. */
const KINDS = 9;

/** Each cluster has a path of its own on the server: a request of the one before may still be on its way, and is not to be taken for a watch of this one. */
let clusters = 0;

const SILENT = { replaced: () => undefined, changed: () => undefined };

/** Starts a server for `RegisteredCluster`. */
export const startServer = () => startApiServer(() => undefined);

/** A target's endpoints, in order; undefined when there is no such service. */
export const addressesOf = (target: Target) =>
  target.service() &&
  target
    .endpoints()
    .map(({ address }) => formatAddress(address))
    .sort();

/** Waits until a target has these endpoints. */
export const becomes = (target: Target, expected: string[] | undefined) =>
  vi.waitFor(() => expect(addressesOf(target)).toEqual(expected), DEADLINE);

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, pipeline } from "node:stream";
import { Cluster, type ClusterSelection, PortForwardError } from "../kubernetes/index.js";
import { Failure } from "../output/index.js";
import { takeSignals } from "../process/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { connectToApi } from "./control-plane-pod.js";
import type { Route } from "./route.js";

/** Opens a connection to the API. */
export type Connect = (cluster: Cluster) => Promise<Result<Duplex, Failure>>;

/**
 * To the control plane in a cluster, by port-forwards: each connection to a socket of this process, which nobody but its user
 * can open, goes on to a pod that is ready at that moment.
 */
export class ClusterRoute implements Route {
  readonly target: string;
  readonly place: string;
  readonly namespace: string;
  readonly #cluster: Cluster;
  readonly #connectTo: Connect;
  readonly #folder: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #releaseSignals: () => void;
  readonly #removeFolder: () => void;
  /** Opened before anybody asked for it. */
  #first: Duplex | undefined;
  #failure: Failure | undefined;

  private constructor(cluster: Cluster, first: Duplex, folder: string, connect: Connect) {
    this.#cluster = cluster;
    this.#connectTo = connect;
    this.#first = first;
    this.#folder = folder;
    this.target = `unix:${socketIn(folder)}`;
    this.place = `in the cluster of context ${cluster.context}`;
    this.namespace = cluster.namespace;
    this.#server = createServer((socket) => void this.#take(socket));
    this.#removeFolder = () => rmSync(folder, { recursive: true, force: true });
    process.on("exit", this.#removeFolder);
    this.#releaseSignals = takeSignals((signal) => this.#end(signal));
  }

  /**
   * Finds the control plane and connects once, so that what stands in the way is known before anything is asked.
   * @param connect to which of its pods
   */
  static async open(
    selection: ClusterSelection,
    connect: Connect = connectToApi,
  ): Promise<Result<ClusterRoute, Failure>> {
    const cluster = await Cluster.open(selection);
    if (!cluster.ok) return cluster;
    const first = await connect(cluster.value);
    if (!first.ok) {
      cluster.value.close();
      return first;
    }
    const folder = mkdtempSync(join(tmpdir(), "mesh-"));
    const route = new ClusterRoute(cluster.value, first.value, folder, connect);
    try {
      await route.#listen();
      return ok(route);
    } catch (error) {
      route.close();
      return fail(
        new Failure(`no socket can be made in ${folder} (${String(error)})`, { hint: "another TMPDIR" }),
      );
    }
  }

  whyUnavailable(reason: string): Failure {
    return (
      this.#failure ??
      new Failure(`the control plane ${this.place} does not answer${reason}`, { hint: "mesh check" })
    );
  }

  close(): void {
    this.#releaseSignals();
    this.#server.close();
    this.#first?.destroy();
    for (const socket of this.#connections) socket.destroy();
    this.#cluster.close();
    process.off("exit", this.#removeFolder);
    this.#removeFolder();
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject).listen(socketIn(this.#folder), resolve);
    });
  }

  async #take(socket: Socket): Promise<void> {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    socket.on("error", () => socket.destroy());
    const stream = await this.#connect();
    if (stream === undefined || socket.destroyed) {
      stream?.destroy();
      socket.destroy();
      return;
    }
    const ended = (error: unknown) => {
      if (error instanceof PortForwardError)
        this.#failure = new Failure(
          `the control plane ${this.place} cannot be connected to: ${error.message}`,
        );
      socket.destroy();
      stream.destroy();
    };
    pipeline(socket, stream, ended);
    pipeline(stream, socket, ended);
  }

  async #connect(): Promise<Duplex | undefined> {
    const first = this.#first;
    this.#first = undefined;
    if (first?.readable === true) return first;
    const opened = await this.#connectTo(this.#cluster);
    this.#failure = opened.ok ? undefined : opened.error;
    return opened.ok ? opened.value : undefined;
  }

  /** A signal that nobody else takes ends the process, as it would without this. */
  #end(signal: NodeJS.Signals): void {
    if (process.listenerCount(signal) > 1) return;
    this.close();
    process.kill(process.pid, signal);
  }
}

const socketIn = (folder: string) => join(folder, "api");

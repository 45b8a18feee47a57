// Discovery on a catalog that tests change, and proxies that ask it.
import { credentials, type ClientDuplexStream, type ServiceError } from "@grpc/grpc-js";
import { vi } from "vitest";
import type { Change__Output } from "../../generated/mesh/proxy/v1/Change.js";
import type { DiscoverRequest } from "../../generated/mesh/proxy/v1/DiscoverRequest.js";
import type { DiscoverResponse__Output } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { InboundPolicy__Output } from "../../generated/mesh/proxy/v1/InboundPolicy.js";
import type { Proxy } from "../../generated/mesh/proxy/v1/Proxy.js";
import type { Snapshot__Output } from "../../generated/mesh/proxy/v1/Snapshot.js";
import { Catalog, type SocketAddress } from "../../src/catalog/index.js";
import { discoveryService } from "../../src/control-plane/discovery.js";
import { listen, type Listener } from "../../src/control-plane/listen.js";
import { Log } from "../../src/control-plane/log.js";
import { Presence } from "../../src/control-plane/presence.js";
import { atItsWord } from "../../src/control-plane/recognition.js";
import { loadDiscovery } from "../../src/proto/index.js";

/** Short enough for a test to wait for, long enough for a stream to come back within. */
export const GRACE_MS = 1_500;

/** The service, listening. */
export class RunningDiscovery {
  /** What the catalog found wrong so far. */
  readonly warnings: string[] = [];
  readonly #clients: ProxyStream[] = [];

  private constructor(
    readonly catalog: Catalog,
    readonly presence: Presence,
    readonly listener: Listener,
  ) {
    catalog.problems.on("found", ({ message }) => this.warnings.push(message));
  }

  static async start(): Promise<RunningDiscovery> {
    const catalog = new Catalog();
    const presence = new Presence(catalog, new Log("text", () => undefined), GRACE_MS);
    const service = discoveryService({
      catalog,
      presence,
      recognize: atItsWord,
      refused: () => undefined,
      defaultPermission: "allow",
    });
    const result = await listen({ address: "127.0.0.1:0", flag: "--listen", services: [service] });
    if (!result.ok) throw result.error;
    return new RunningDiscovery(catalog, presence, result.value);
  }

  /** Opens a stream on which nothing was said yet. */
  stream(): ProxyStream {
    const stream = new ProxyStream(this.listener.address);
    this.#clients.push(stream);
    return stream;
  }

  /** Opens the stream of a proxy. */
  proxy(name: string, proxy: Proxy = {}): ProxyStream {
    const stream = this.stream();
    stream.write({ proxy: { name, namespace: "default", adminAddress: `127.0.0.1:1`, ...proxy } });
    return stream;
  }

  readonly putEntry = (name: string, ...ports: number[]) =>
    this.catalog.putService({
      namespace: "default",
      name,
      ports: [],
      endpoints: { addresses: ports.map(address) },
    });

  readonly putInstance = (name: string, ip: string, labels = { app: "web" }, namespace = "default") =>
    this.catalog.putInstance({
      namespace,
      name,
      workload: { kind: "deployment", name: "web" },
      labels,
      addresses: [ip],
      ports: { http: 9000 },
    });

  readonly putService = (
    name: string,
    ports = [{ port: 80, target: "http" as string | number }],
    namespace = "default",
  ) => this.catalog.putService({ namespace, name, ports, endpoints: { selector: { app: "web" } } });

  stop(): void {
    for (const client of this.#clients) client.cut();
    this.presence.stop();
    this.listener.close();
  }
}

/** A proxy's side of the stream. */
export class ProxyStream {
  /** What it was told of targets. */
  readonly messages: DiscoverResponse__Output[] = [];
  /** What it was told of who may call it; before anything else when this is the first. */
  readonly policies: InboundPolicy__Output[] = [];
  error: ServiceError | undefined;
  private readonly client;
  readonly stream: ClientDuplexStream<DiscoverRequest, DiscoverResponse__Output>;

  constructor(address: string) {
    this.client = new (loadDiscovery().mesh.proxy.v1.Discovery)(
      address,
      credentials.createInsecure(),
      // Streams of one test must not share a connection.
      { "grpc.use_local_subchannel_pool": 1 },
    );
    this.stream = this.client.discover();
    this.stream.on("data", (message: DiscoverResponse__Output) => {
      if (message.inboundPolicy) this.policies.push(message.inboundPolicy);
      else if (this.policies.length === 0) throw new Error("told of a target before who may call");
      else this.messages.push(message);
    });
    this.stream.on("error", (error: ServiceError) => (this.error = error));
  }

  write(request: DiscoverRequest): void {
    this.stream.write(request);
  }

  async subscribe(authority: string): Promise<Snapshot__Output> {
    const before = this.messages.length;
    this.write({ subscribe: { target: { authority } } });
    const message = await this.message(before);
    if (!message.snapshot) throw new Error("expected a snapshot");
    return message.snapshot;
  }

  async message(index: number): Promise<DiscoverResponse__Output> {
    return soon(() => {
      const message = this.messages[index];
      if (!message) throw new Error(`no message ${index} (${this.error?.message ?? "no error"})`);
      return message;
    });
  }

  async change(index: number): Promise<Change__Output> {
    const { change } = await this.message(index);
    if (!change) throw new Error("expected a change");
    return change;
  }

  /** The connection breaks. */
  cut(): void {
    this.stream.cancel();
    this.client.close();
  }
}

export const soon = <T>(check: () => T) => vi.waitFor(check, { timeout: 60_000, interval: 5 });

export const address = (port: number): SocketAddress => ({ ip: "127.0.0.1", port });

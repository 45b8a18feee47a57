// The control plane's discovery and identity beside an API server in memory, and real proxies that say they are its pods'.
import { credentials } from "@grpc/grpc-js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Resource__Output } from "../../generated/mesh/api/v1/Resource.js";
import type { TapResponse__Output } from "../../generated/mesh/api/v1/TapResponse.js";
import { startRoles } from "../../src/control-plane/index.js";
import { Cluster } from "../../src/kubernetes/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { loadApi } from "../../src/proto/index.js";
import { findProxyBinary, type SidecarAddresses, sidecarAddresses } from "../../src/sidecar/index.js";
import { MetricsPage } from "../mesh/metrics-page.js";
import { type ApiServer, startApiServer } from "./api-server.js";
import { ClusterState, type StoredObject } from "./cluster-state.js";

/** A pod of a Deployment, with an address of this machine. */
export interface TestPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  /** The Deployment's name. */
  readonly workload: string;
  readonly hostNetwork?: boolean;
}

/** A proxy that was started for a pod. */
export interface PodProxy {
  /** Lines of its log so far. */
  readonly log: readonly string[];
  /** Writes another token where it looks for one. */
  rotate(token: string): void;
  /** What its readiness probe is answered. */
  readiness(): Promise<number>;
  /** Where its requests are watched. */
  readonly tapAddress: string;
  /** What it has counted. */
  metrics(): Promise<MetricsPage>;
  /** Sends a request to its application, which is away. */
  call(path: string): Promise<unknown>;
  kill(): Promise<void>;
}

/** What a proxy says of itself; left out, it says the truth. */
export interface ProxyStart {
  /** In its token's file; none: it has no such file. */
  readonly token?: string;
  /** In the file of the roots that it trusts, PEM; none: it is given no such file, and speaks plain text. */
  readonly roots?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly ips?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** A control plane that runs in this process. */
export class RunningControlPlane {
  readonly state = new ClusterState();
  /** Lines of its log so far. */
  readonly log: string[] = [];
  api!: ApiServer;
  #stop: () => Promise<void> = () => Promise.resolve();
  readonly #folder = mkdtempSync(join(tmpdir(), "mesh-pods-"));
  readonly #proxies: SupervisedProcess[] = [];

  static async start(): Promise<RunningControlPlane> {
    const running = new RunningControlPlane();
    running.api = await startApiServer(running.state.answer);
    const cluster = await Cluster.open({ kubeconfig: running.api.kubeconfig }, { HOME: "/nonexistent" });
    if (!cluster.ok) throw cluster.error;
    const source = { cluster: cluster.value };
    const started = await startRoles(
      {
        adminListen: "127.0.0.1:0",
        identity: { cluster: cluster.value, trustDomain: "mesh.test" },
        discovery: { source, listen: "127.0.0.1:0", apiListen: "127.0.0.1:0" },
      },
      { version: "1.2.3", logFormat: "text", writeLog: (line) => running.log.push(line) },
    );
    if (!started.ok) throw started.error;
    running.#stop = () => started.value.stop();
    return running;
  }

  /** Puts a pod into the cluster that has this address, and gives it. */
  addPod(pod: TestPod): void {
    this.state.put(asObject(pod));
  }

  /** Starts a proxy in a pod, as inject would have it but for what the test wants otherwise. */
  async startProxy(pod: TestPod, start: ProxyStart = {}): Promise<PodProxy> {
    const log: string[] = [];
    const file = join(this.#folder, `token-${this.#proxies.length}`);
    if (start.token !== undefined) writeFileSync(file, start.token);
    const roots = `${file}-roots`;
    if (start.roots !== undefined) writeFileSync(roots, start.roots);
    let listens: (addresses: SidecarAddresses) => void = () => undefined;
    const listening = new Promise<SidecarAddresses>((resolve) => (listens = resolve));
    const proxy = new SupervisedProcess({
      command: findProxyBinary(),
      env: {
        MESH_PROXY_NAME: start.name ?? pod.name,
        MESH_PROXY_NAMESPACE: start.namespace ?? pod.namespace,
        MESH_PROXY_WORKLOAD: "deployment/what-it-says",
        MESH_PROXY_IPS: start.ips ?? pod.ip,
        MESH_PROXY_CONTROL_PLANE: this.#logged("listening for proxies"),
        MESH_PROXY_OUTBOUND: "off",
        MESH_PROXY_INBOUND: "0.0.0.0:0=127.0.0.1:9",
        MESH_PROXY_ADMIN: "0.0.0.0:0",
        MESH_PROXY_TAP: "0.0.0.0:0",
        MESH_PROXY_LOG_FORMAT: "json",
        MESH_PROXY_STOP_WITH_STDIN: "true",
        ...(start.token !== undefined && { MESH_PROXY_TOKEN_FILE: file }),
        ...(start.roots !== undefined && { MESH_PROXY_TRUST_ROOTS: roots }),
        ...start.variables,
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
    const here = (address: string) => address.replace("0.0.0.0", "127.0.0.1");
    const fetchFrom = (address: string, path: string) => fetch(`http://${here(address)}${path}`);
    endedEarly.catch(() => undefined);
    return {
      log,
      rotate: (token) => writeFileSync(file, token),
      readiness: async () => (await fetchFrom(addresses.admin, "/ready")).status,
      metrics: async () => new MetricsPage(await (await fetchFrom(addresses.admin, "/metrics")).text()),
      tapAddress: here(addresses.tap),
      call: (path) => fetchFrom(addresses.inbound.join(), path),
      kill: async () => {
        proxy.signal("SIGKILL");
        await proxy.ended;
      },
    };
  }

  /** What `mesh stat` counts of a Deployment; undefined when there is none. */
  deployment(name: string): Promise<Resource__Output | undefined> {
    const client = new (loadApi().mesh.api.v1.Resources)(
      this.#logged("listening for commands"),
      credentials.createInsecure(),
    );
    return new Promise<Resource__Output | undefined>((resolve, reject) => {
      client.list({ selector: { type: "deployment", name } }, (error, answer) => {
        if (error) reject(error);
        else resolve(answer?.resources[0]);
      });
    }).finally(() => client.close());
  }

  /** The names of the proxies whose certificates the control plane knows, each with whether it is connected. */
  certified(): Promise<Record<string, boolean>> {
    const address = this.#logged("listening for commands");
    const client = new (loadApi().mesh.api.v1.Identity)(address, credentials.createInsecure());
    return new Promise<Record<string, boolean>>((resolve, reject) => {
      client.get({}, (error, answer) => {
        if (error) reject(error);
        else
          resolve(Object.fromEntries(answer?.proxies.map(({ name, connected }) => [name, connected]) ?? []));
      });
    }).finally(() => client.close());
  }

  /** Watches a pod's requests; gives what was told of them so far, which grows, until the control plane ends. */
  tap({ namespace, name }: TestPod): readonly TapResponse__Output[] {
    const address = this.#logged("listening for commands");
    const client = new (loadApi().mesh.api.v1.Tap)(address, credentials.createInsecure());
    const told: TapResponse__Output[] = [];
    client
      .tap({ target: { type: "pod", namespace, name } })
      .on("data", (response: TapResponse__Output) => told.push(response))
      .on("error", () => client.close());
    return told;
  }

  /** What the control plane has counted. */
  async metrics(): Promise<MetricsPage> {
    const address = this.#logged("listening for probes and metrics");
    return new MetricsPage(await (await fetch(`http://${address}/metrics`)).text());
  }

  async stop(): Promise<void> {
    for (const proxy of this.#proxies) proxy.signal("SIGKILL");
    await Promise.all(this.#proxies.map(({ ended }) => ended));
    await this.#stop();
    await this.api.stop();
    rmSync(this.#folder, { recursive: true });
  }

  #logged(message: string): string {
    const line = this.log.find((one) => one.includes(message)) ?? "";
    const address = /address=(\S+)/.exec(line)?.[1];
    if (address === undefined) throw new Error(`no line "${message}" in ${this.log.join("")}`);
    return address;
  }
}

function asObject({ namespace, name, uid, ip, workload, hostNetwork = false }: TestPod): StoredObject {
  const owner = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    name: `${workload}-5d8f`,
    uid: "",
    controller: true,
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...{ namespace, name, uid },
      labels: { app: workload, "pod-template-hash": "5d8f" },
      ...{ ownerReferences: [owner] },
    },
    spec: { containers: [{ name: "app" }], hostNetwork },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
  };
}

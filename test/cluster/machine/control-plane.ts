import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { Credentials } from "./credentials.js";
import { Part } from "./part.js";

const run = promisify(execFile);

const SERVICE_IPS = "10.97.0.0/16";
/** What the API server takes for the service `kubernetes`. */
const API_SERVER_IP = "10.97.0.1";
const START_WITHIN_MS = 120_000;

/** The part of Kubernetes that runs no pods: etcd, API server, controller manager and scheduler, on free ports of loopback. */
export class KubernetesControlPlane {
  /** The path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly #parts: readonly Part[];

  private constructor(kubeconfig: string, parts: readonly Part[]) {
    this.kubeconfig = kubeconfig;
    this.#parts = parts;
  }

  /**
   * Starts it and waits until it makes service accounts, without which there are no pods.
   * @param kube the program of test/cluster/kubernetes
   * @param folder for its state and logs
   */
  static async start(kube: string, folder: string): Promise<KubernetesControlPlane> {
    const [etcdPort, peerPort, apiPort] = await freePorts(3);
    const credentials = new Credentials(join(folder, "credentials"), API_SERVER_IP);
    const server = `https://127.0.0.1:${apiPort}`;
    const kubeconfig = credentials.kubeconfig(server, "admin", ["system:masters"]);
    const parts: Part[] = [];
    const start = (name: string, args: readonly string[]) => {
      const part = new Part(folder, name, [kube, name, ...args]);
      parts.push(part);
      return part;
    };
    const answers = (...words: string[]) =>
      run(kube, ["kubectl", "--kubeconfig", kubeconfig, ...words]).then(
        () => true,
        () => false,
      );
    try {
      start("etcd", etcdArguments(folder, etcdPort, peerPort));
      const apiServer = start("kube-apiserver", apiServerArguments(credentials, etcdPort, apiPort));
      await apiServer.until(() => answers("get", "--raw", "/readyz"), START_WITHIN_MS);
      const manager = start("kube-controller-manager", managerArguments(credentials, server));
      start("kube-scheduler", leaderless(credentials.kubeconfig(server, "system:kube-scheduler")));
      await manager.until(
        () => answers("-n", "default", "get", "serviceaccount", "default"),
        START_WITHIN_MS,
      );
    } catch (error) {
      await stopAll(parts);
      throw error;
    }
    return new KubernetesControlPlane(kubeconfig, parts);
  }

  stop(): Promise<void> {
    return stopAll(this.#parts);
  }
}

/** The last that was started goes first, so that none misses another. */
async function stopAll(parts: readonly Part[]): Promise<void> {
  for (const part of parts.toReversed()) await part.stop();
}

function etcdArguments(folder: string, port: string, peerPort: string): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  return [
    "--name=test",
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    // Nothing of it is kept.
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerArguments(credentials: Credentials, etcdPort: string, port: string): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    // No endpoint may be on loopback; nobody connects to this one.
    "--advertise-address=192.0.2.1",
    `--secure-port=${port}`,
    `--service-cluster-ip-range=${SERVICE_IPS}`,
    `--client-ca-file=${credentials.path("ca.crt")}`,
    `--tls-cert-file=${credentials.path("apiserver.crt")}`,
    `--tls-private-key-file=${credentials.path("apiserver.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${credentials.path("accounts.pub")}`,
    `--service-account-signing-key-file=${credentials.path("accounts.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--profiling=false",
  ];
}

function managerArguments(credentials: Credentials, server: string): string[] {
  return [
    ...leaderless(credentials.kubeconfig(server, "system:kube-controller-manager")),
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${credentials.path("accounts.key")}`,
    `--root-ca-file=${credentials.path("ca.crt")}`,
  ];
}

/** What the controller manager and the scheduler have in common where there is one of each, and nobody asks them anything. */
const leaderless = (kubeconfig: string) => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  "--bind-address=127.0.0.1",
  "--secure-port=0",
  "--leader-elect=false",
];

/** Ports that nobody listens on now. */
async function freePorts(count: 3): Promise<[string, string, string]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server, "listening");
      return String((server.address() as AddressInfo).port);
    }),
  );
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports as [string, string, string];
}

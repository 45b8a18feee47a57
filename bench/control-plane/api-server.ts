import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { freePort } from "../ports.js";
import { ApiClient } from "./api-client.js";

/** The programs of Kubernetes in one, as scripts/cluster-programs.mjs has compiled it. */
const KUBE = fileURLToPath(new URL("../../../.cache/cluster/kube", import.meta.url));

const TOKEN = "administrator";
const READY_WITHIN_MS = 120_000;

/** A real etcd and a real kube-apiserver, with nothing else of Kubernetes: what is written there stays as it was written. */
export class ApiServer {
  readonly client: ApiClient;
  /** The path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  readonly #processes: SupervisedProcess[] = [];
  /** The last lines that each program wrote. */
  readonly #log: string[] = [];

  private constructor(url: string, folder: string) {
    this.client = new ApiClient(url, TOKEN);
    this.kubeconfig = join(folder, "kubeconfig");
    writeFileSync(this.kubeconfig, kubeconfigFor(url));
  }

  /** Starts both below a folder that is empty, and waits until they answer. */
  static async start(folder: string): Promise<ApiServer> {
    const [etcd, peer, api] = [await freePort(), await freePort(), await freePort()];
    const server = new ApiServer(`https://127.0.0.1:${api}`, folder);
    server.#run("etcd", etcdArguments(folder, etcd, peer));
    server.#run("kube-apiserver", apiServerArguments(folder, etcd, api));
    const limit = performance.now() + READY_WITHIN_MS;
    while (!(await server.client.isReady())) {
      if (performance.now() > limit) {
        await server.stop();
        throw new Failure(`the API server is not ready in time:\n${server.#log.join("\n")}`);
      }
      await delay(200);
    }
    return server;
  }

  async stop(): Promise<void> {
    this.client.close();
    for (const process of this.#processes.reverse()) await process.stop();
  }

  #run(program: string, args: readonly string[]): void {
    const process_ = new SupervisedProcess({
      command: "setpriv",
      args: ["--pdeathsig", "KILL", KUBE, program, ...args],
      env: process.env,
      onLine: (line) => {
        this.#log.push(line);
        if (this.#log.length > 20) this.#log.shift();
      },
    });
    this.#processes.push(process_);
  }
}

function etcdArguments(folder: string, port: number, peerPort: number): string[] {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    "--name=bench",
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=bench=${peer}`,
    // Nothing of it is kept.
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerArguments(folder: string, etcdPort: number, port: number): string[] {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [privateFile, publicFile, tokens] = ["accounts.key", "accounts.pub", "tokens.csv"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  writeFileSync(privateFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(publicFile, publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(tokens, `${TOKEN},administrator,1,system:masters\n`, { mode: 0o600 });
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    // Nobody is told of it: the address is one of documentation (RFC 5737).
    "--advertise-address=192.0.2.1",
    "--endpoint-reconciler-type=none",
    `--cert-dir=${join(folder, "certificates")}`,
    "--service-cluster-ip-range=10.96.0.0/12",
    `--token-auth-file=${tokens}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://bench",
    `--service-account-key-file=${publicFile}`,
    `--service-account-signing-key-file=${privateFile}`,
    // There is no controller that makes accounts for pods.
    "--disable-admission-plugins=ServiceAccount",
    "--profiling=false",
  ];
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "bench",
    clusters: [{ name: "bench", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "administrator", user: { token: TOKEN } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "administrator" } }],
  });
}

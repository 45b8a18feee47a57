// The control plane's webhook role beside an API server in memory that has the installation.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { startRoles } from "../../src/control-plane/index.js";
import { readInstallation, render } from "../../src/install/index.js";
import { Cluster } from "../../src/kubernetes/index.js";
import type { Json } from "../../src/manifest/index.js";
import { type ApiServer, startApiServer } from "../kubernetes/api-server.js";
import { ClusterState, type StoredObject } from "../kubernetes/cluster-state.js";

export const VERSION = "1.2.3";

/** What the webhook answered: an AdmissionReview's response, or another status with its text. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly response?: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly message: string };
  };
}

/** A webhook that can be asked as an API server asks. */
export class RunningWebhook {
  readonly log: string[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), "mesh-webhook-"));
  readonly state = new ClusterState();
  api!: ApiServer;
  admin = "";
  #address = "";
  #stop: () => Promise<void> = () => Promise.resolve();

  static async start(values: object = {}): Promise<RunningWebhook> {
    const running = new RunningWebhook();
    running.state.put(...installedObjects());
    running.api = await startApiServer(running.state.answer);
    const file = join(running.folder, "values.yaml");
    writeFileSync(file, JSON.stringify(values));
    const cluster = await running.cluster();
    const started = await startRoles(
      { adminListen: "127.0.0.1:0", webhook: { cluster, listen: "127.0.0.1:0", values: file } },
      { version: VERSION, logFormat: "text", writeLog: (line) => running.log.push(line) },
    );
    if (!started.ok) throw started.error;
    running.#stop = () => started.value.stop();
    running.admin = `http://${running.#logged("listening for probes and metrics")}`;
    running.#address = running.#logged("listening for the API server");
    return running;
  }

  async cluster(): Promise<Cluster> {
    const cluster = await Cluster.open({ kubeconfig: this.api.kubeconfig });
    if (!cluster.ok) throw cluster.error;
    return cluster.value;
  }

  async ready(): Promise<void> {
    const answer = async () => (await fetch(`${this.admin}/ready`)).text();
    await vi.waitFor(async () => expect(await answer(), this.log.join("")).toBe("ready\n"), 30_000);
  }

  /** The authority that the API server has for the webhook, as PEM. */
  get authority(): string {
    const { webhooks } = this.state.get("MutatingWebhookConfiguration", "mesh-webhook") as unknown as {
      webhooks: { clientConfig: { caBundle?: string } }[];
    };
    return Buffer.from(webhooks[0]?.clientConfig.caBundle ?? "", "base64").toString("utf8");
  }

  /** Asks about an object over TLS, trusting the authority that the API server has. */
  review(path: "/inject" | "/validate", object: Json, namespace = "shop"): Promise<Answered> {
    const review = {
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: { uid: "a-b-c", operation: "CREATE", namespace, dryRun: true, object },
    };
    return this.post(path, JSON.stringify(review));
  }

  post(path: string, body: string, method = "POST"): Promise<Answered> {
    const [host, port] = this.#address.split(":");
    const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
    const servername = "mesh-webhook.mesh-system.svc";
    return new Promise((resolve, reject) => {
      const sent = request(
        { host, port, path, method, headers, servername, ca: this.authority, agent: false },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => {
            const json = response.statusCode === 200 ? (JSON.parse(text) as Pick<Answered, "response">) : {};
            resolve({ status: response.statusCode ?? 0, text, ...json });
          });
        },
      );
      sent.on("error", reject).end(body);
    });
  }

  async stop(): Promise<void> {
    await this.#stop();
    await this.api.stop();
    rmSync(this.folder, { recursive: true });
  }

  #logged(message: string): string {
    const line = this.log.find((one) => one.includes(message)) ?? "";
    return /address=(\S+)/.exec(line)?.[1] ?? "";
  }
}

function installedObjects(): StoredObject[] {
  const installation = readInstallation({ files: [], sets: [], flags: {} }, VERSION);
  if (!installation.ok) throw new Error(installation.error.join("\n"));
  const objects = render(installation.value) as unknown as readonly StoredObject[];
  // A stand-in answers with an object's own `webhooks`, which the tests change.
  return structuredClone([...objects]);
}

import { X509Certificate } from "node:crypto";
import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readInstallation, render } from "../../src/install/index.js";
import { Failure } from "../../src/output/index.js";
import { freePort } from "../ports.js";
import type { ApiServer } from "./api-server.js";
import { ControlPlane } from "./control-plane.js";
import { plainPod } from "./objects.js";

/** The pods a second of which the webhook is asked. */
export const PODS_A_SECOND = 50;

/** How long the webhook takes to answer. */
export interface WebhookFigures {
  readonly milliseconds: readonly number[];
  readonly rssBytes: number;
  /** CPU time for one answer. */
  readonly cpuMs: number;
}

const VALUES = fileURLToPath(new URL("../../../templates/values.yaml", import.meta.url));
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** Asks the webhook of so many new pods a second, whether or not it has answered what it was asked before. */
export async function measureWebhook(server: ApiServer, seconds: number): Promise<WebhookFigures> {
  await writeConfigurations(server);
  const address = `127.0.0.1:${await freePort()}`;
  const webhook = await ControlPlane.startWebhook(server.kubeconfig, address, VALUES);
  const agent = new Agent({ keepAlive: true, ca: await authority(server), servername: SERVER_NAME });
  const ask = () => review(agent, address);
  try {
    for (let warm = 0; warm < PODS_A_SECOND; warm++) await ask();
    const before = webhook.usage();
    const asked: Promise<number>[] = [];
    const began = performance.now();
    for (let pod = 0; pod < PODS_A_SECOND * seconds; pod++) {
      await delay(Math.max(0, began + (pod * 1_000) / PODS_A_SECOND - performance.now()));
      asked.push(ask());
    }
    const milliseconds = await Promise.all(asked);
    const after = webhook.usage();
    const cpuMs = (after.cpuUs - before.cpuUs) / 1_000 / milliseconds.length;
    return { milliseconds, rssBytes: after.rssBytes, cpuMs };
  } finally {
    agent.destroy();
    await webhook.stop();
  }
}

const SERVER_NAME = "mesh-webhook.mesh-system.svc";

/** Those of the installation, into which the webhook writes its authority. */
async function writeConfigurations({ client }: ApiServer): Promise<void> {
  const installation = readInstallation({ files: [], sets: [], flags: {} }, "0.1.0");
  if (!installation.ok) throw new Failure(installation.error.join("\n"));
  for (const object of render(installation.value)) {
    const [, review] = /^(Mutating|Validating)WebhookConfiguration$/.exec(kindOf(object)) ?? [];
    if (review === undefined) continue;
    const plural = `${review.toLowerCase()}webhookconfigurations`;
    await client.create(`/apis/admissionregistration.k8s.io/v1/${plural}`, object);
  }
}

const kindOf = ({ kind }: { readonly kind?: unknown }) => (typeof kind === "string" ? kind : "");

const WRITTEN_WITHIN_MS = 30_000;

/** What the webhook has written into the configuration for the API server to believe. */
async function authority({ client }: ApiServer): Promise<string> {
  const limit = performance.now() + WRITTEN_WITHIN_MS;
  for (;;) {
    const text = await client.read(`${CONFIGURATIONS}/mesh-webhook`);
    const { webhooks } = JSON.parse(text) as { webhooks: { clientConfig: { caBundle?: string } }[] };
    const bundle = Buffer.from(webhooks[0]?.clientConfig.caBundle ?? "", "base64").toString("utf8");
    if (isCertificate(bundle)) return bundle;
    if (performance.now() > limit) throw new Failure("the webhook has not written its authority");
    await delay(100);
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

/** Asks of one new pod as the API server does, and takes the time until the whole answer is there, in milliseconds. */
function review(agent: Agent, address: string): Promise<number> {
  const body = JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "11111111-1111-1111-1111-111111111111",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      namespace: "default",
      operation: "CREATE",
      dryRun: false,
      object: plainPod(),
    },
  });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(
      `https://${address}/inject?timeout=10s`,
      { method: "POST", agent, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200 && text.includes('"patch"')) resolve(performance.now() - began);
          else reject(new Failure(`the webhook answered ${response.statusCode ?? 0} ${text}`));
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

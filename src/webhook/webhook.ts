import type { Cluster } from "../kubernetes/index.js";
import { ok, type Result } from "../result/index.js";
import { keepUp } from "../upkeep/index.js";
import { InstalledOptions } from "./installed-options.js";
import { Namespaces } from "./namespaces.js";
import { type ReviewObserver, reviewers } from "./reviewers.js";
import { startWebhookServer, type WebhookServer } from "./server.js";
import { ServingCertificate } from "./serving-certificate.js";

/** How often the certificate, its authorities in the cluster and the installation's values are looked after. */
const LOOK_AFTER_MS = 10_000;

/** Who is told of what the webhook does. */
export interface WebhookObserver extends ReviewObserver {
  failed(message: string): void;
  /** Until when the certificate that is served is valid. */
  certified(ends: Date): void;
}

export interface WebhookOptions {
  readonly cluster: Cluster;
  readonly listen: { readonly host: string; readonly port: number };
  /** The file with the installation's values. */
  readonly values: string;
  /** That of mesh. */
  readonly version: string;
  readonly observer: WebhookObserver;
}

export interface Webhook {
  /** host:port for the API server, with the port that was really taken. */
  readonly address: string;
  /** What is still missing before reviews can be answered; undefined when nothing is. */
  waitingFor(): string | undefined;
  stop(): Promise<void>;
}

/** Starts to answer the API server; rejects when it cannot listen. Everything else that fails is told, and tried again. */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { cluster, version, observer } = options;
  const waiting = new Set<string>(["the values of the installation", "a certificate"]);
  const installed = new InstalledOptions(options.values, version);
  const namespaces = new Namespaces(cluster, ({ message }) => observer.failed(message));
  waiting.add("the cluster's namespaces");
  void namespaces.complete.then(() => waiting.delete("the cluster's namespaces"));
  let server: WebhookServer;
  try {
    server = await startWebhookServer(
      options.listen,
      reviewers({ installed, namespaces, version, observer }),
    );
  } catch (error) {
    namespaces.stop();
    throw error;
  }
  const certificate = new ServingCertificate(cluster);
  const upkeep = keepUp({
    everyMs: LOOK_AFTER_MS,
    failed: (message) => observer.failed(message),
    lookAfter: () => lookAfter({ installed, certificate, server, observer, waiting }),
  });
  return {
    address: server.address,
    waitingFor: () => waiting.values().next().value,
    async stop() {
      namespaces.stop();
      await Promise.all([server.stop(), upkeep.stop()]);
    },
  };
}

interface LookedAfter {
  readonly installed: InstalledOptions;
  readonly certificate: ServingCertificate;
  readonly server: WebhookServer;
  readonly observer: WebhookObserver;
  readonly waiting: Set<string>;
}

async function lookAfter({
  installed,
  certificate,
  server,
  observer,
  waiting,
}: LookedAfter): Promise<Result<undefined>> {
  const read = installed.refresh();
  if (!read.ok) return read;
  waiting.delete("the values of the installation");
  const served = await certificate.refresh();
  if (!served.ok) return served;
  server.serve(served.value.pem);
  observer.certified(served.value.ends);
  waiting.delete("a certificate");
  return ok(undefined);
}

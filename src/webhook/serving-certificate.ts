import {
  endOf,
  invalidity,
  keepKeySecret,
  type KeyPair,
  type KeySecret,
  newServerCertificate,
} from "../certificates/index.js";
import { NAMESPACE, WEBHOOK, WEBHOOK_SECRET } from "../installed-names/index.js";
import {
  type Cluster,
  type ClusterFailure,
  MUTATING_WEBHOOKS,
  type ResourceType,
  VALIDATING_WEBHOOKS,
  type WebhookConfiguration,
} from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { X509Certificate } from "node:crypto";

const DAYS = 365;
/** Another certificate is made when so much of the time is left. */
const RENEW_BELOW_DAYS = 120;
const DAY_MS = 86_400_000;

const CONFIGURATIONS = [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS];

/** A certificate that the API server can be shown. */
export interface Served {
  readonly pem: KeyPair;
  readonly ends: Date;
}

/**
 * The certificate that the webhook shows to the API server, made and renewed by the webhook's replicas together. The API server
 * learns of a new one's authority, beside the one before, earlier than it is shown the certificate.
 */
export class ServingCertificate {
  readonly #cluster: Cluster;
  #served: Served | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * Makes sure that there is a certificate and that the API server has its authority.
   * @returns what is to be served from now on
   */
  async refresh(): Promise<Result<Served>> {
    const kept = await keepKeySecret(this.#cluster, {
      name: WEBHOOK_SECRET,
      namespace: NAMESPACE,
      labels: { "app.kubernetes.io/name": WEBHOOK, "app.kubernetes.io/part-of": "mesh" },
      make: (before) => nextCertificate(before),
      isOver: (read) => !read.ok || daysOf(read.value.certificate) < RENEW_BELOW_DAYS,
    });
    if (!kept.ok) return fail(kept.error.message);
    if (!kept.value.ok) return fail(`secrets/${WEBHOOK_SECRET}: ${kept.value.error}`);
    const { pem, certificate } = kept.value.value;
    const written = await this.#writeAuthorities(pem.authorities);
    if (!written.ok) return fail(written.error.message);
    // A certificate whose authority has just been written is served the next time, when the API server has learnt of it.
    if (this.#served === undefined || !written.value.changed)
      this.#served = { pem, ends: endOf([certificate]) };
    return ok(this.#served);
  }

  async #writeAuthorities(authorities: string): Promise<Result<{ changed: boolean }, ClusterFailure>> {
    const caBundle = Buffer.from(authorities, "utf8").toString("base64");
    let changed = false;
    for (const type of CONFIGURATIONS) {
      const written = await this.#writeBundle(type, caBundle);
      if (!written.ok) return written;
      changed ||= written.value.changed;
    }
    return ok({ changed });
  }

  /** What another replica writes at the same moment is read again. */
  async #writeBundle(
    type: ResourceType<WebhookConfiguration>,
    caBundle: string,
    attempts = 3,
  ): Promise<Result<{ changed: boolean }, ClusterFailure>> {
    const found = await this.#cluster.get(type, WEBHOOK);
    if (!found.ok) return found;
    const patch = (found.value.webhooks ?? []).flatMap(({ clientConfig }, index) =>
      clientConfig?.caBundle === caBundle
        ? []
        : [{ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
    );
    if (patch.length === 0) return ok({ changed: false });
    const { resourceVersion } = found.value.metadata;
    // Webhooks are named by their place, which another's change may move.
    const asRead = { op: "test", path: "/metadata/resourceVersion", value: resourceVersion };
    const patched = await this.#cluster.patch(type, [asRead, ...patch], WEBHOOK);
    if (patched.ok) return ok({ changed: true });
    return attempts > 1 ? this.#writeBundle(type, caBundle, attempts - 1) : patched;
  }
}

const daysOf = (certificate: X509Certificate) => (endOf([certificate]).getTime() - Date.now()) / DAY_MS;

/** A new certificate, trusted beside what the API server trusts now. */
async function nextCertificate(before: KeySecret | undefined): Promise<KeyPair> {
  const made = await newServerCertificate({
    authority: WEBHOOK,
    hosts: [`${WEBHOOK}.${NAMESPACE}.svc`, `${WEBHOOK}.${NAMESPACE}`, WEBHOOK],
    days: DAYS,
  });
  // The one before is the first; what came before that one nobody serves any more.
  const previous = before?.authorities[0];
  const stillValid = previous !== undefined && invalidity(previous, new Date()) === undefined;
  return stillValid ? { ...made, authorities: made.authorities + previous.toString() } : made;
}

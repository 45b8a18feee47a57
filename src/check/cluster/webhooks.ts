import {
  daysLeft,
  invalidity,
  isSignedBy,
  parseCertificates,
  readKeySecret,
  SECRETS,
} from "../../certificates/index.js";
import { NAMESPACE, WEBHOOK, WEBHOOK_SECRET } from "../../installed-names/index.js";
import { type Check, failed, passed, WARN_BELOW_DAYS, warned } from "../check.js";
import type { ClusterContext } from "./context.js";
import { MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, type WebhookConfiguration } from "../../kubernetes/index.js";

const LOOK_AT_LOG = `kubectl logs -n ${NAMESPACE} deploy/${WEBHOOK}`;
/** The name by which the API server calls the webhook. */
const HOST = `${WEBHOOK}.${NAMESPACE}.svc`;

export const webhookConfigurations: Check<ClusterContext> = {
  id: "webhook-configurations",
  title: "the API server has the authority of the webhook's certificate",
  async run(context) {
    for (const [kind, configuration] of await configurations(context)) {
      if (configuration === undefined)
        return failed(`there is no ${kind}/${WEBHOOK}`, "mesh install | kubectl apply -f -");
      for (const { name = "", clientConfig } of configuration.webhooks ?? []) {
        const where = `${name} of ${kind}/${WEBHOOK}`;
        const bundle = parseCertificates(bundleOf(clientConfig?.caBundle));
        if (!bundle.ok) return failed(`the caBundle of ${where} ${bundle.error}`, LOOK_AT_LOG);
        const reasons = bundle.value.map((certificate) => invalidity(certificate, new Date()));
        if (reasons.every((reason) => reason !== undefined)) {
          return failed(`the caBundle of ${where} ${reasons[0] ?? ""}`, LOOK_AT_LOG);
        }
      }
    }
    return passed();
  },
};

export const webhookCertificate: Check<ClusterContext> = {
  id: "webhook-certificate",
  title: "the webhook's certificate is valid, and the one that the API server expects",
  async run(context) {
    const secret = await context.find(SECRETS, WEBHOOK_SECRET, NAMESPACE);
    if (secret === undefined)
      return failed(`the webhook has not made secrets/${WEBHOOK_SECRET} yet`, LOOK_AT_LOG);
    const now = new Date();
    const read = readKeySecret(secret, now);
    if (!read.ok)
      return failed(
        `secrets/${WEBHOOK_SECRET}: ${read.error}`,
        `kubectl delete secret -n ${NAMESPACE} ${WEBHOOK_SECRET}; the webhook makes another`,
      );
    const { certificate } = read.value;
    if (certificate.checkHost(HOST) === undefined) {
      return failed(`the certificate is not for ${HOST}`, LOOK_AT_LOG);
    }
    for (const [kind, configuration] of await configurations(context)) {
      for (const { name = "", clientConfig } of configuration?.webhooks ?? []) {
        const bundle = parseCertificates(bundleOf(clientConfig?.caBundle));
        if (!bundle.ok || !isSignedBy(certificate, bundle.value)) {
          return failed(`the caBundle of ${name} of ${kind}/${WEBHOOK} is of another authority`, LOOK_AT_LOG);
        }
      }
    }
    const days = daysLeft([certificate], now);
    if (days >= WARN_BELOW_DAYS) return passed(`for ${days} days`);
    return warned(`it is valid for ${days} more days, and was not renewed`, LOOK_AT_LOG);
  },
};

async function configurations(
  context: ClusterContext,
): Promise<[kind: string, configuration: WebhookConfiguration | undefined][]> {
  const kinds = [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS];
  return Promise.all(
    kinds.map(async (type): Promise<[string, WebhookConfiguration | undefined]> => [
      type.plural,
      await context.find(type, WEBHOOK),
    ]),
  );
}

const bundleOf = (base64 = "") => Buffer.from(base64, "base64").toString("utf8");

import { daysLeft, readKeySecret, SECRETS } from "../../certificates/index.js";
import { CONTROL_PLANE, ISSUER_SECRET, NAMESPACE } from "../../installed-names/index.js";
import { type Check, failed, passed, WARN_BELOW_DAYS, warned } from "../check.js";
import type { ClusterContext } from "./context.js";
import { DEPLOYMENTS } from "./objects.js";

export const trustRoot: Check<ClusterContext> = {
  id: "trust-root",
  title: "the trust root is valid for 60 days or more",
  async run(context) {
    const name = await issuerSecret(context);
    const secret = await context.find(SECRETS, name, NAMESPACE);
    if (secret === undefined) {
      return failed(`there is no secrets/${name}`, `kubectl logs -n ${NAMESPACE} deploy/${CONTROL_PLANE}`);
    }
    const now = new Date();
    const read = readKeySecret(secret, now);
    if (!read.ok)
      return failed(`secrets/${name}: ${read.error}`, `kubectl describe secret -n ${NAMESPACE} ${name}`);
    const days = daysLeft([read.value.certificate, ...read.value.authorities], now);
    if (days >= WARN_BELOW_DAYS) return passed(`for ${days} days`);
    return warned(
      `secrets/${name} is valid for ${days} more days`,
      name === ISSUER_SECRET
        ? "mesh ca rotate"
        : "a new trust root beside the old one in ca.crt, then without the old one",
    );
  },
};

/** The Secret that the control plane signs with: its own, or the one that the user brought. */
export async function issuerSecret(context: ClusterContext): Promise<string> {
  const deployment = await context.find(DEPLOYMENTS, CONTROL_PLANE, NAMESPACE);
  const words = deployment?.spec?.template?.spec?.containers?.flatMap(({ args = [] }) => args) ?? [];
  const flag = "--issuer-secret=";
  return words.find((word) => word.startsWith(flag))?.slice(flag.length) ?? ISSUER_SECRET;
}

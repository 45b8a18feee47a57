import { readKeySecret, SECRETS } from "../../certificates/index.js";
import {
  CONTROL_PLANE,
  NAMESPACE,
  TRUST_ROOTS_CONFIG_MAP,
  TRUST_ROOTS_KEY,
} from "../../installed-names/index.js";
import { CONFIG_MAPS, type Pod } from "../../kubernetes/index.js";
import { someOf } from "../../output/index.js";
import { type Check, failed, passed, warned } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { meshedPods, nameOf, proxyVariable, restart } from "./meshed-pods.js";
import { issuerSecret } from "./trust-root.js";

export const rootsPublished: Check<ClusterContext> = {
  id: "trust-roots",
  title: "every namespace with sidecars has the roots that they trust",
  async run(context) {
    const needing = new Set((await meshedPods(context)).map(({ metadata }) => metadata.namespace ?? ""));
    const roots = await rootsOf(context);
    const fieldSelector = `metadata.name=${TRUST_ROOTS_CONFIG_MAP}`;
    const copies = orThrow(await context.cluster.list(CONFIG_MAPS, { fieldSelector }));
    const copyIn = new Map(copies.map(({ metadata, data }) => [metadata.namespace, data?.[TRUST_ROOTS_KEY]]));
    const without = [...needing].filter((namespace) => copyIn.get(namespace) === undefined);
    const hint = `kubectl logs -n ${NAMESPACE} deploy/${CONTROL_PLANE}`;
    if (without.length > 0) {
      return failed(`there is no configmaps/${TRUST_ROOTS_CONFIG_MAP} in ${someOf(without)}`, hint);
    }
    const others = [...needing].filter((namespace) => roots !== undefined && copyIn.get(namespace) !== roots);
    if (others.length === 0) return passed(`${needing.size} namespaces`);
    return failed(`configmaps/${TRUST_ROOTS_CONFIG_MAP} has other roots in ${someOf(others)}`, hint);
  },
};

export const sidecarsHaveRoots: Check<ClusterContext> = {
  id: "plain-text",
  title: "every sidecar has an identity",
  async run(context) {
    const without = (await meshedPods(context)).filter((pod) => !isGivenRoots(pod));
    const [first] = without;
    if (first === undefined) return passed();
    return warned(
      `${without.length} are from before they were given roots to trust, and speak plain text: ${someOf(without.map(nameOf))}`,
      restart(first),
    );
  },
};

/** What the roots should be; undefined while they cannot be told, which is another check's to say. */
async function rootsOf(context: ClusterContext): Promise<string | undefined> {
  const secret = await context.find(SECRETS, await issuerSecret(context), NAMESPACE);
  const read = secret && readKeySecret(secret, new Date());
  return read?.ok ? read.value.pem.authorities : undefined;
}

const isGivenRoots = (pod: Pod) => proxyVariable(pod, "MESH_PROXY_TRUST_ROOTS") !== undefined;

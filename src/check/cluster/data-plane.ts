import { INJECT_LABEL, PROXY_CONTAINER, VERSION_ANNOTATION } from "../../inject/index.js";
import { CONTROL_PLANE, NAMESPACE } from "../../installed-names/index.js";
import { NAMESPACES, type Pod, troubleOf } from "../../kubernetes/index.js";
import { someOf } from "../../output/index.js";
import { type Check, failed, failedForGood, passed, warned } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { DEPLOYMENTS, VERSION_LABEL } from "./objects.js";

/** Namespaces whose pods the webhook never touches. */
const NEVER_INJECTED: ReadonlySet<string> = new Set(["kube-system", NAMESPACE]);

export const proxiesReady: Check<ClusterContext> = {
  id: "proxies-ready",
  title: "every sidecar is ready",
  async run(context) {
    const meshed = (await context.pods()).filter((pod) => isAlive(pod) && hasProxy(pod));
    const waiting = meshed.filter((pod) => !proxyIsReady(pod));
    const [first] = waiting;
    if (first === undefined) return passed(`${meshed.length} pods`);
    const trouble = troubleOf(first);
    return failed(
      `${waiting.length} of ${meshed.length} are not: ${someOf(waiting.map(nameOf))}${trouble === undefined ? "" : `; ${trouble}`}`,
      `kubectl logs -n ${first.metadata.namespace ?? ""} ${first.metadata.name} -c ${PROXY_CONTAINER}`,
    );
  },
};

export const proxyVersions: Check<ClusterContext> = {
  id: "proxy-versions",
  title: "every sidecar is of the control plane's version",
  async run(context) {
    const controlPlane = await context.find(DEPLOYMENTS, CONTROL_PLANE, NAMESPACE);
    const version = controlPlane?.metadata.labels?.[VERSION_LABEL];
    const meshed = (await context.pods()).filter((pod) => isAlive(pod) && hasProxy(pod));
    const others = meshed.filter(({ metadata }) => metadata.annotations?.[VERSION_ANNOTATION] !== version);
    const [first] = others;
    if (first === undefined) return passed(version);
    const versions = new Set(
      others.map((pod) => pod.metadata.annotations?.[VERSION_ANNOTATION] ?? "of no version that it tells"),
    );
    return warned(
      `the control plane is ${version ?? "of no version that it tells"}, ${others.length} sidecars are ${[...versions].join(", ")}: ${someOf(others.map(nameOf))}`,
      `kubectl rollout restart deploy -n ${first.metadata.namespace ?? ""}`,
    );
  },
};

export const noPodLeftOut: Check<ClusterContext> = {
  id: "pods-without-sidecar",
  title: "every pod that should have a sidecar has one",
  async run(context) {
    const namespaces = orThrow(
      await context.cluster.list(NAMESPACES, { labelSelector: `${INJECT_LABEL}=enabled` }),
    );
    const enabled = new Set(namespaces.map(({ metadata }) => metadata.name));
    const without = (await context.pods()).filter(
      (pod) => isAlive(pod) && wantsProxy(pod, enabled) && pod.spec?.hostNetwork !== true && !hasProxy(pod),
    );
    const [first] = without;
    if (first === undefined) return passed();
    return failedForGood(
      `${without.length} started without it, perhaps while no webhook answered: ${someOf(without.map(nameOf), 10)}`,
      `kubectl rollout restart deploy -n ${first.metadata.namespace ?? ""}`,
    );
  },
};

function wantsProxy({ metadata: { namespace = "", labels } }: Pod, enabled: ReadonlySet<string>): boolean {
  if (NEVER_INJECTED.has(namespace)) return false;
  const own = labels?.[INJECT_LABEL];
  return own === undefined ? enabled.has(namespace) : own === "enabled";
}

const isAlive = ({ status }: Pod) => status?.phase !== "Succeeded" && status?.phase !== "Failed";

function hasProxy({ spec }: Pod): boolean {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(
    ({ name }) => name === PROXY_CONTAINER,
  );
}

function proxyIsReady({ status }: Pod): boolean {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(
    ({ name, ready }) => name === PROXY_CONTAINER && ready === true,
  );
}

const nameOf = ({ metadata }: Pod) => `${metadata.namespace ?? ""}/${metadata.name}`;

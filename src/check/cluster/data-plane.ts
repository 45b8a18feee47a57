import { INJECT_LABEL, KNOWN_KINDS, plan, PROXY_CONTAINER, VERSION_ANNOTATION } from "../../inject/index.js";
import { CONTROL_PLANE, NAMESPACE } from "../../installed-names/index.js";
import { NAMESPACES, type Pod, troubleOf } from "../../kubernetes/index.js";
import type { Json } from "../../manifest/index.js";
import { someOf } from "../../output/index.js";
import { type Check, failed, failedForGood, passed, warned } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { hasProxy, isAlive, meshedPods, nameOf, proxyVariable, restart } from "./meshed-pods.js";
import { DEPLOYMENTS, VERSION_LABEL } from "./objects.js";

/** Namespaces whose pods the webhook never touches. */
const NEVER_INJECTED: ReadonlySet<string> = new Set(["kube-system", NAMESPACE]);

export const proxiesReady: Check<ClusterContext> = {
  id: "proxies-ready",
  title: "every sidecar is ready",
  async run(context) {
    const meshed = await meshedPods(context);
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
    const meshed = await meshedPods(context);
    const others = meshed.filter(({ metadata }) => metadata.annotations?.[VERSION_ANNOTATION] !== version);
    const [first] = others;
    if (first === undefined) return passed(version);
    const versions = new Set(
      others.map((pod) => pod.metadata.annotations?.[VERSION_ANNOTATION] ?? "of no version that it tells"),
    );
    return warned(
      `the control plane is ${version ?? "of no version that it tells"}, ${others.length} sidecars are ${[...versions].join(", ")}: ${someOf(others.map(nameOf))}`,
      restart(first),
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
    const unfit = without.flatMap((pod) => {
      const reason = whyWithout(pod, context.version);
      return reason === undefined ? [] : [{ pod, told: `${nameOf(pod)} (${reason})` }];
    });
    const missed = without.filter((pod) => !unfit.some((one) => one.pod === pod));
    const [first] = missed;
    if (first !== undefined) {
      return failedForGood(
        `${missed.length} started without it, perhaps while no webhook answered: ${someOf(missed.map(nameOf), 10)}`,
        restart(first),
      );
    }
    if (unfit.length === 0) return passed();
    return warned(
      `${unfit.length} can have none, and are outside of the mesh: ${someOf(unfit.map(({ told }) => told))}`,
      `other names or ports in the pod, or its label ${INJECT_LABEL}: disabled`,
    );
  },
};

export const tapsClosed: Check<ClusterContext> = {
  id: "open-taps",
  title: "every sidecar lets the control plane alone watch its requests",
  async run(context) {
    const open = (await meshedPods(context)).filter(isTapOpen);
    const [first] = open;
    if (first === undefined) return passed();
    return warned(
      `${open.length} are from before they knew it by its certificate, and let everybody who reaches their port watch, in plain text: ${someOf(open.map(nameOf))}`,
      restart(first),
    );
  },
};

function isTapOpen(pod: Pod): boolean {
  const place = proxyVariable(pod, "MESH_PROXY_TAP") ?? "off";
  const isReachable = place !== "off" && !/^(127\.|\[::1\]|localhost)/.test(place);
  return isReachable && proxyVariable(pod, "MESH_PROXY_TAP_TLS") !== "true";
}

/** Why the webhook gives a pod no sidecar; undefined when it does. */
function whyWithout(pod: Pod, version: string): string | undefined {
  const object = { ...pod, apiVersion: "v1", kind: "Pod" } as unknown as Json;
  const planned = plan(object, { kinds: KNOWN_KINDS, layers: [], version, injectedBy: "mesh check" });
  if (planned.outcome === "skipped") return planned.reason;
  return planned.outcome === "refused" ? planned.message : undefined;
}

function wantsProxy({ metadata: { namespace = "", labels } }: Pod, enabled: ReadonlySet<string>): boolean {
  if (NEVER_INJECTED.has(namespace)) return false;
  const own = labels?.[INJECT_LABEL];
  return own === undefined ? enabled.has(namespace) : own === "enabled";
}

function proxyIsReady({ status }: Pod): boolean {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(
    ({ name, ready }) => name === PROXY_CONTAINER && ready === true,
  );
}

import { canonicalIp, type Instance, type Workload } from "../../catalog/index.js";
import type { Account } from "../../identity/index.js";
import { cronJobOf } from "../../inject/index.js";
import { isTcp, type Pod } from "./kinds.js";
import { sidecarOf } from "./sidecar.js";

const ENDED = new Set(["Succeeded", "Failed"]);

/** The instance that a pod is; undefined once all its containers have ended. @param identityOf the SPIFFE ID of an account */
export function instanceOf(pod: Pod, identityOf?: (account: Account) => string): Instance | undefined {
  const { name, namespace = "", labels = {}, uid } = pod.metadata;
  if (ENDED.has(pod.status?.phase ?? "")) return undefined;
  const addresses = addressesOf(pod);
  const ports = namedPorts(pod);
  const node = pod.spec?.nodeName;
  const account = pod.spec?.serviceAccountName;
  const sidecar = sidecarOf(pod, addresses, ports, identityOf);
  return {
    namespace,
    name,
    workload: workloadOf(pod),
    labels,
    addresses,
    ports,
    ...(node !== undefined && { node }),
    ...(account !== undefined && { account }),
    ...(uid !== undefined && { uid }),
    ...(pod.spec?.hostNetwork === true && { sharesAddresses: true }),
    ...(sidecar && { sidecar }),
  };
}

/** A pod that is unheard is unready for no reason of its own: its node was not heard of for a while, and nothing says that it does not serve. */
export type Readiness = "ready" | "unheard" | "unready";

/** What a pod's conditions say: its containers are ready and its gates open, and Kubernetes calls it ready for that, or not all the same. */
export function readinessOf({ spec, status }: Pod): Readiness {
  const holds = (wanted: string) =>
    status?.conditions?.some(({ type, status: told }) => type === wanted && told === "True") === true;
  const gates = (spec?.readinessGates ?? []).map(({ conditionType }) => conditionType);
  if (!["ContainersReady", ...gates].every(holds)) return "unready";
  return holds("Ready") ? "ready" : "unheard";
}

function addressesOf({ status }: Pod): string[] {
  const ips = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP];
  return ips.flatMap((ip) => (ip === undefined ? [] : (canonicalIp(ip) ?? [])));
}

/**
 * What a pod is a copy of: its controller, or for a ReplicaSet made by a Deployment that Deployment, whose name is the
 * ReplicaSet's without the hash that the pod's label tells; for a Job made by a CronJob, that.
 */
export function workloadOf({ metadata }: Pod): Workload {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return { kind: "pod", name: metadata.name };
  const suffix = `-${metadata.labels?.["pod-template-hash"] ?? ""}`;
  if (owner.kind === "ReplicaSet" && suffix !== "-" && owner.name.endsWith(suffix)) {
    return { kind: "deployment", name: owner.name.slice(0, -suffix.length) };
  }
  const cronJob = owner.kind === "Job" ? cronJobOf(owner.name) : undefined;
  if (cronJob !== undefined) return { kind: "cronjob", name: cronJob };
  return { kind: owner.kind.toLowerCase(), name: owner.name };
}

/** The named TCP ports of its containers, of sidecars too. Where two have one name, the first one's. */
function namedPorts({ spec }: Pod): Record<string, number> {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const named: Record<string, number> = {};
  for (const container of [...(spec?.containers ?? []), ...sidecars]) {
    for (const { name, containerPort } of (container.ports ?? []).filter(isTcp)) {
      if (name !== undefined) named[name] ??= containerPort;
    }
  }
  return named;
}

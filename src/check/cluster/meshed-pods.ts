import { isSidecar } from "../../inject/index.js";
import type { Pod } from "../../kubernetes/index.js";
import type { ClusterContext } from "./context.js";

/** The pods that have not ended and have a sidecar. */
export const meshedPods = async (context: ClusterContext): Promise<Pod[]> =>
  (await context.pods()).filter((pod) => isAlive(pod) && hasProxy(pod));

/** Whether a pod has not ended. */
export const isAlive = ({ status }: Pod): boolean =>
  status?.phase !== "Succeeded" && status?.phase !== "Failed";

export const hasProxy = (pod: Pod): boolean => proxyOf(pod) !== undefined;

/** A variable of a pod's sidecar; undefined where it has none, or takes it from elsewhere. */
export const proxyVariable = (pod: Pod, wanted: string): string | undefined =>
  proxyOf(pod)?.env?.find(({ name }) => name === wanted)?.value;

/** `shop/web-1` */
export const nameOf = ({ metadata }: Pod): string => `${metadata.namespace ?? ""}/${metadata.name}`;

/** What gives the workloads of a pod's namespace sidecars of the present version. */
export const restart = ({ metadata }: Pod): string =>
  `kubectl rollout restart deploy -n ${metadata.namespace ?? ""}`;

const proxyOf = ({ spec }: Pod) =>
  [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].find(isSidecar);

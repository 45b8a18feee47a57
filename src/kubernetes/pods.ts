import type { KubernetesObject, ResourceType } from "./resource.js";

/** metav1.Condition, as far as it is read. */
export interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** v1.ContainerStatus; of its states one is there. */
export interface ContainerStatus {
  readonly name?: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly started?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
  };
}

interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** The part of a pod that a template has too. */
export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
}

/** v1.Pod, as those see it who look after it. Any field may be missing. */
export interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly deletionTimestamp?: string };
  readonly spec?: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export const PODS: ResourceType<Pod> = { group: "", version: "v1", plural: "pods", namespaced: true };

/** Whether a pod takes requests, and has not been told to end. */
export function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
  return ready === true && metadata.deletionTimestamp === undefined;
}

/** The states of a pod's containers, in the order in which they start. */
export const containerStatuses = ({ status }: Pod): readonly ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** What keeps a pod from running: a node that does not take it, an image that is not there, a program that ends. */
export function troubleOf(pod: Pod): string | undefined {
  const { metadata, status } = pod;
  const unscheduled = status?.conditions?.find(
    ({ type, status: is }) => type === "PodScheduled" && is === "False",
  );
  if (unscheduled)
    return `${metadata.name} is not scheduled: ${unscheduled.message ?? unscheduled.reason ?? "no reason"}`;
  for (const container of containerStatuses(pod)) {
    const waiting = container.state?.waiting;
    if (waiting?.reason === undefined || waiting.reason === "PodInitializing") continue;
    const message = waiting.message === undefined ? "" : ` (${waiting.message})`;
    return `${container.name ?? ""} of ${metadata.name}: ${waiting.reason}${message}`;
  }
  return undefined;
}

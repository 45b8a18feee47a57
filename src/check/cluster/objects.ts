// The kinds that checks read, with the fields that they read of them. Any field may be missing.
import type { KubernetesObject, ResourceType } from "../../kubernetes/index.js";

export interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface Deployment extends KubernetesObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template?: { readonly spec?: PodSpec };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
}

export interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly args?: readonly string[];
}

export interface ContainerStatus {
  readonly name?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

export interface Pod extends KubernetesObject {
  readonly spec?: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface CustomResourceDefinition extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface AccessReview extends KubernetesObject {
  readonly status?: { readonly allowed?: boolean };
}

const type =
  (group: string, version: string, namespaced: boolean) =>
  <T extends KubernetesObject = KubernetesObject>(plural: string): ResourceType<T> => ({
    group,
    version,
    plural,
    namespaced,
  });

const core = type("", "v1", true);

export const PODS = core<Pod>("pods");
export const DEPLOYMENTS = type("apps", "v1", true)<Deployment>("deployments");
export const CRDS = type(
  "apiextensions.k8s.io",
  "v1",
  false,
)<CustomResourceDefinition>("customresourcedefinitions");
export const ACCESS_REVIEWS = type(
  "authorization.k8s.io",
  "v1",
  false,
)<AccessReview>("selfsubjectaccessreviews");

/** On objects of an installation: the version that rendered them. */
export const VERSION_LABEL = "app.kubernetes.io/version";

// The kinds that checks read, with the fields that they read of them. Any field may be missing.
import type { Condition, KubernetesObject, PodSpec, ResourceType } from "../../kubernetes/index.js";

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

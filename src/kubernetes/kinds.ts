import type { KubernetesObject, ResourceType } from "./resource.js";

/** The kinds that several parts ask for, with the fields that any of them reads. Any field may be missing. */
export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly {
    readonly name?: string;
    /** In base64. */
    readonly clientConfig?: { readonly caBundle?: string };
  }[];
}

const webhookConfigurations = (plural: string): ResourceType<WebhookConfiguration> => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural,
  namespaced: false,
});

export const NAMESPACES: ResourceType = { group: "", version: "v1", plural: "namespaces", namespaced: false };
export const CONFIG_MAPS: ResourceType<ConfigMap> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  namespaced: true,
};
export const MUTATING_WEBHOOKS = webhookConfigurations("mutatingwebhookconfigurations");
export const VALIDATING_WEBHOOKS = webhookConfigurations("validatingwebhookconfigurations");

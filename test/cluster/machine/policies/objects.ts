// What the enforcement of NetworkPolicies reads of the cluster.
import type { INetworkPolicyPeer } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer";
import type { INetworkPolicySpec } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicySpec";
import type { KubernetesObject, ResourceType } from "../../../../src/kubernetes/index.js";

export type LabelSelector = NonNullable<INetworkPolicyPeer["podSelector"]>;

/** networking.k8s.io/v1; the API server has filled in what was left out. */
export interface NetworkPolicy extends KubernetesObject {
  readonly spec: INetworkPolicySpec;
}

interface Container {
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
}

export interface Pod extends KubernetesObject {
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
}

export const NETWORK_POLICIES: ResourceType<NetworkPolicy> = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  namespaced: true,
};
export const PODS: ResourceType<Pod> = { group: "", version: "v1", plural: "pods", namespaced: true };

import type { KubernetesObject, ResourceType } from "../../kubernetes/index.js";
import type { ServicePolicySpec, TrafficPermissionSpec, WorkloadSpec } from "../../mesh-kinds/index.js";

/** v1.Pod, as far as it is read. */
export interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & {
    readonly ownerReferences?: readonly OwnerReference[];
    readonly deletionTimestamp?: string;
  };
  readonly spec?: {
    readonly nodeName?: string;
    readonly hostNetwork?: boolean;
    readonly serviceAccountName?: string;
    readonly initContainers?: readonly Container[];
    readonly containers?: readonly Container[];
    readonly readinessGates?: readonly { readonly conditionType: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly controller?: boolean;
}

export interface Container {
  readonly name?: string;
  readonly restartPolicy?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly containerPort: number;
    readonly protocol?: string;
  }[];
}

export interface ContainerStatus {
  readonly name: string;
  /** It runs, and its startup probe has succeeded. */
  readonly started?: boolean;
  readonly ready?: boolean;
  readonly state?: { readonly terminated?: { readonly exitCode: number } };
}

/** v1.Service, as far as it is read. */
export interface Service extends KubernetesObject {
  readonly spec?: {
    readonly type?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalIPs?: readonly string[];
    readonly externalName?: string;
    readonly ipFamilies?: readonly string[];
    readonly internalTrafficPolicy?: string;
    readonly loadBalancerSourceRanges?: readonly string[];
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
      readonly nodePort?: number;
    }[];
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: string }[] | null;
    };
  };
}

/** v1.Node, as far as it is read. */
export interface Node extends KubernetesObject {
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}

/** v1.Namespace, as far as it is read. */
export interface Namespace extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}

/** mesh.dev/v1alpha1.TrafficPermission. */
export interface TrafficPermission extends KubernetesObject {
  readonly spec: TrafficPermissionSpec;
}

/** mesh.dev/v1alpha1.ServicePolicy, as far as it is read. */
export interface ServicePolicy extends KubernetesObject {
  readonly spec: ServicePolicySpec;
}

/** mesh.dev/v1alpha1.ExternalService. */
export interface ExternalService extends KubernetesObject {
  readonly spec: object;
}

/** mesh.dev/v1alpha1.Workload. */
export interface Workload extends KubernetesObject {
  readonly spec: WorkloadSpec;
}

/** discovery.k8s.io/v1.EndpointSlice, as far as it is read. */
export interface EndpointSlice extends KubernetesObject {
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?:
    readonly { readonly name?: string | null; readonly port?: number; readonly protocol?: string }[] | null;
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: {
    /** Absent means true. */
    readonly ready?: boolean | null;
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly hints?: {
    readonly forZones?: readonly { readonly name: string }[];
    readonly forNodes?: readonly { readonly name: string }[];
  };
  readonly targetRef?: { readonly kind?: string; readonly name?: string };
}

export const PODS: ResourceType<Pod> = { group: "", version: "v1", plural: "pods", namespaced: true };
export const SERVICES: ResourceType<Service> = {
  group: "",
  version: "v1",
  plural: "services",
  namespaced: true,
};
export const NODES: ResourceType<Node> = { group: "", version: "v1", plural: "nodes", namespaced: false };
export const NAMESPACES: ResourceType<Namespace> = {
  group: "",
  version: "v1",
  plural: "namespaces",
  namespaced: false,
};
export const ENDPOINT_SLICES: ResourceType<EndpointSlice> = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  namespaced: true,
};
export const EXTERNAL_SERVICES: ResourceType<ExternalService> = {
  group: "mesh.dev",
  version: "v1alpha1",
  plural: "externalservices",
  namespaced: true,
};
export const SERVICE_POLICIES: ResourceType<ServicePolicy> = {
  group: "mesh.dev",
  version: "v1alpha1",
  plural: "servicepolicies",
  namespaced: true,
};
export const TRAFFIC_PERMISSIONS: ResourceType<TrafficPermission> = {
  group: "mesh.dev",
  version: "v1alpha1",
  plural: "trafficpermissions",
  namespaced: true,
};

export const WORKLOADS: ResourceType<Workload> = {
  group: "mesh.dev",
  version: "v1alpha1",
  plural: "workloads",
  namespaced: true,
};

/** Whether a port is one that the mesh takes; UDP and SCTP go past it. */
export const isTcp = ({ protocol }: { readonly protocol?: string }) => (protocol ?? "TCP") === "TCP";

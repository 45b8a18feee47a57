/** What a TrafficPermission says, as its schema (templates/crds/trafficpermissions.yaml) describes it. */
export interface TrafficPermissionSpec {
  readonly targetRefs?: readonly PermissionTarget[];
  readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly ports?: readonly number[];
  readonly http?: readonly { readonly methods?: readonly string[]; readonly pathPrefix?: string }[];
  readonly from?: readonly PermissionCaller[];
  readonly action: "ALLOW" | "DENY" | "AUDIT";
}

/** What is called, in the permission's namespace. */
export interface PermissionTarget {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** Who calls: every field that is there must hold, and of each field one item. */
export interface PermissionCaller {
  readonly identities?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly workloads?: readonly WorkloadName[];
  readonly cidrs?: readonly string[];
  readonly unauthenticated?: boolean;
}

/** A workload with an identity; without a namespace, of that of the permission. */
export interface WorkloadName {
  readonly namespace?: string;
  readonly kind: string;
  readonly name: string;
}

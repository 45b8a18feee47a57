// Where the parts of the cluster are. All of it is in a network namespace of its own, so nothing of the machine's is in the way.
import { existsSync } from "node:fs";

/** The addresses of one family. */
export interface Addresses {
  /** The node's: that of the bridge which its pods are on. */
  readonly node: string;
  readonly pods: string;
  /** The first one that a pod gets. */
  readonly firstPod: string;
  readonly services: string;
  /** Everybody's. */
  readonly everywhere: string;
}

const V4: Addresses = {
  node: "10.244.0.1",
  pods: "10.244.0.0/24",
  firstPod: "10.244.0.10",
  services: "10.96.0.0/16",
  everywhere: "0.0.0.0/0",
};

const V6: Addresses = {
  node: "fd10:244::1",
  pods: "fd10:244::/64",
  firstPod: "fd10:244::10",
  services: "fd10:96::/112",
  everywhere: "::/0",
};

/** The families that the cluster has, its own first: IPv6 is the second where the kernel has it. */
export const FAMILIES: readonly Addresses[] = existsSync("/proc/net/if_inet6") ? [V4, V6] : [V4];

/** One thing of each family, as Kubernetes' programs take it. */
export const ofFamilies = (what: keyof Addresses): string => FAMILIES.map((family) => family[what]).join(",");

/** The node's address in the cluster's own family. */
export const NODE_IP = V4.node;
/** What the API server takes for the service `kubernetes`: the first of the range. */
export const API_SERVER_IP = "10.96.0.1";
export const DNS_IP = "10.96.0.10";
export const CLUSTER_DOMAIN = "cluster.local";

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
  /** What the API server takes for the service `kubernetes`: the first of the range. */
  readonly apiServer: string;
  /** Cluster DNS's. */
  readonly dns: string;
  /** Everybody's. */
  readonly everywhere: string;
}

const IPV4: Addresses = {
  node: "10.244.0.1",
  pods: "10.244.0.0/24",
  firstPod: "10.244.0.10",
  services: "10.96.0.0/16",
  apiServer: "10.96.0.1",
  dns: "10.96.0.10",
  everywhere: "0.0.0.0/0",
};

const IPV6: Addresses = {
  node: "fd10:244::1",
  pods: "fd10:244::/64",
  firstPod: "fd10:244::10",
  services: "fd10:96::/112",
  apiServer: "fd10:96::1",
  dns: "fd10:96::a",
  everywhere: "::/0",
};

/** What CLUSTER_FAMILIES may be: the families that the cluster has, its own first. */
const CHOICES: Readonly<Record<string, readonly [Addresses, ...Addresses[]]>> = {
  ipv4: [IPV4],
  "ipv4,ipv6": [IPV4, IPV6],
  "ipv6,ipv4": [IPV6, IPV4],
  ipv6: [IPV6],
};

/** The families that the cluster has, its own first. Unless told otherwise IPv6 is the second where the kernel has it. */
export const FAMILIES = chosenFamilies(
  process.env.CLUSTER_FAMILIES ?? (existsSync("/proc/net/if_inet6") ? "ipv4,ipv6" : "ipv4"),
);

function chosenFamilies(choice: string): readonly [Addresses, ...Addresses[]] {
  const families = CHOICES[choice];
  if (families) return families;
  throw new Error(`CLUSTER_FAMILIES=${choice}: expected one of ${Object.keys(CHOICES).join(" ")}`);
}

/** One thing of each family, as Kubernetes' programs take it. */
export const ofFamilies = (what: keyof Addresses): string => FAMILIES.map((family) => family[what]).join(",");

/** The addresses in the cluster's own family. */
export const OWN_FAMILY = FAMILIES[0];
export const CLUSTER_DOMAIN = "cluster.local";

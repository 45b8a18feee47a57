import { canonicalIp, type Node as CatalogNode } from "../../catalog/index.js";
import type { Node } from "./kinds.js";

const ZONE = "topology.kubernetes.io/zone";

/** What is kept of a Node. */
export function readNode({ metadata: { name, labels = {} }, status }: Node): CatalogNode {
  const ips = (status?.addresses ?? []).flatMap(({ address }) => canonicalIp(address) ?? []);
  return { name, zone: labels[ZONE] || undefined, addresses: [...new Set(ips)] };
}

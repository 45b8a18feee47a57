import { canonicalIp, type IpFamily, type ServicePort } from "../../catalog/index.js";
import { isTcp, type Service } from "./kinds.js";

/** What is kept of a Service: that it is an alias in the DNS, or how it is reached. */
export type ServiceFacts = AliasFacts | ReachedFacts;

export interface AliasFacts {
  /** The host that it is another name for. */
  readonly alias: string;
}

export interface ReachedFacts {
  /** The virtual addresses of its ports: the cluster's own, and those that lead there from outside too; none when it is headless. */
  readonly addresses: readonly string[];
  /** Its TCP ports. */
  readonly ports: readonly (ServicePort & { readonly name: string })[];
  /** Endpoints of other nodes are not to be used. */
  readonly onOwnNode: boolean;
  /** The labels of its pods and Workloads; undefined when it selects none. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** The family of addresses that it has, or has first. */
  readonly family: IpFamily | undefined;
}

/** What there is to know of a service; undefined when it is none of the mesh's: one without TCP ports. */
export function readService({ spec = {}, status }: Service): ServiceFacts | undefined {
  if (spec.type === "ExternalName") {
    return spec.externalName === undefined ? undefined : { alias: spec.externalName.toLowerCase() };
  }
  const ports = (spec.ports ?? []).filter(isTcp).map(({ name = "", port, targetPort = port, nodePort }) => {
    return { name, port, target: targetPort, ...(nodePort !== undefined && nodePort !== 0 && { nodePort }) };
  });
  if (ports.length === 0) return undefined;
  const clusterIps = spec.clusterIPs ?? [spec.clusterIP ?? "None"];
  const addresses = [...clusterIps, ...(spec.externalIPs ?? []), ...balancedAddresses(spec, status)];
  return {
    addresses: [...new Set(addresses.flatMap((address) => canonicalIp(address) ?? []))],
    ports,
    onOwnNode: spec.internalTrafficPolicy === "Local",
    selector: spec.selector,
    family: FAMILIES[spec.ipFamilies?.[0] ?? ""],
  };
}

const FAMILIES: Readonly<Record<string, IpFamily>> = { IPv4: 4, IPv6: 6 };

/**
 * The addresses of its load balancer that stand for the service inside the cluster too. Not those where the balancer is to
 * see the traffic, and not where it is to refuse some clients.
 */
function balancedAddresses(
  { loadBalancerSourceRanges = [] }: NonNullable<Service["spec"]>,
  status: Service["status"],
) {
  if (loadBalancerSourceRanges.length > 0) return [];
  const ingress = status?.loadBalancer?.ingress ?? [];
  return ingress.flatMap(({ ip, ipMode = "VIP" }) => (ip !== undefined && ipMode === "VIP" ? [ip] : []));
}

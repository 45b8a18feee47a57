import { canonicalIp, isLoopbackIp } from "./address.js";
import type { SocketAddress } from "./model.js";

/** What an application wrote in Host, taken apart. `port` is undefined when it named none. */
export interface Authority {
  host: string;
  port: number | undefined;
}

/** Reads `host` or `host:port`; undefined when it is neither. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^([^:/@\s]+?)\.?(?::(\d{1,5}))?$/.exec(text.toLowerCase());
  if (!match?.[1]) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  return { host: match[1], port };
}

/**
 * The address that an authority is; port 80 where it names none. Undefined when its host is a name, or an address that means
 * something else on each machine.
 */
export function addressIn(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const ip = canonicalIp(match?.[1] ?? match?.[2] ?? "");
  const port = Number(match?.[3] ?? 80);
  if (ip === undefined || isLoopbackIp(ip) || port < 1 || port > 65535) return undefined;
  return { ip, port };
}

/** A service that a host may mean. */
export interface Candidate {
  namespace: string;
  name: string;
  /** The one place of the service with this host name is meant. */
  hostname?: string;
  /** Only when it is a service that takes any port. */
  portless?: true;
}

/** The DNS domain of a cluster that was given no other. */
export const DEFAULT_CLUSTER_DOMAIN = "cluster.local";

/**
 * The services that `host` may mean to a proxy of `namespace`, the first that exists is meant. The order is that of the
 * search path that pods have (namespace, `svc`, cluster domain).
 * @param clusterDomain what follows `.svc` in whole names, in lower case
 */
export function candidates(host: string, namespace: string, clusterDomain: string): Candidate[] {
  const anyPort: Candidate = { namespace: "default", name: host, portless: true };
  return [...named(host, namespace, clusterDomain), anyPort];
}

function named(host: string, namespace: string, clusterDomain: string): Candidate[] {
  const whole = `.svc.${clusterDomain}`;
  const rest = host.endsWith(whole) ? host.slice(0, -whole.length) : host.replace(/\.svc$/, "");
  const labels = rest.split(".");
  const [first = "", second, third] = labels;
  if (labels.includes("") || labels.length > 3) return [];
  if (second === undefined) return rest === host ? [{ namespace, name: first }] : [];
  if (third !== undefined) return [{ namespace: third, name: second, hostname: first }];
  const inNamespace: Candidate = { namespace: second, name: first };
  return rest === host ? [{ namespace, name: second, hostname: first }, inNamespace] : [inNamespace];
}

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

/** A service that a host may mean. `portless`: only when it is a service that takes any port. */
export interface Candidate {
  namespace: string;
  name: string;
  portless: boolean;
}

/** The DNS domain of a cluster that was given no other. */
export const DEFAULT_CLUSTER_DOMAIN = "cluster.local";

const SERVICE_HOST = /^([^.]+)\.([^.]+)(?:\.svc)?$/;

/**
 * The services that `host` may mean to a proxy of `namespace`, the first that exists is meant.
 * @param clusterDomain what follows `.svc` in whole names, in lower case
 */
export function candidates(host: string, namespace: string, clusterDomain: string): Candidate[] {
  const found: Candidate[] = [];
  if (!host.includes(".")) found.push({ namespace, name: host, portless: false });
  const wholeName = host.endsWith(`.svc.${clusterDomain}`);
  const [, name, named] =
    SERVICE_HOST.exec(wholeName ? host.slice(0, -clusterDomain.length - 1) : host) ?? [];
  if (name !== undefined && named !== undefined) found.push({ namespace: named, name, portless: false });
  found.push({ namespace: "default", name: host, portless: true });
  return found;
}

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

const SERVICE_HOST = /^([^.]+)\.([^.]+)(?:\.svc(?:\.cluster\.local)?)?$/;

/** The services that `host` may mean to a proxy of `namespace`, the first that exists is meant. */
export function candidates(host: string, namespace: string): Candidate[] {
  const found: Candidate[] = [];
  if (!host.includes(".")) found.push({ namespace, name: host, portless: false });
  const [, name, named] = SERVICE_HOST.exec(host) ?? [];
  if (name !== undefined && named !== undefined) found.push({ namespace: named, name, portless: false });
  found.push({ namespace: "default", name: host, portless: true });
  return found;
}

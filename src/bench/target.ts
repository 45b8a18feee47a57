import type { Protocol } from "./protocol.js";

/** A way to the service under test. */
export interface Target {
  /** How the report calls it. */
  readonly name: string;
  /** What is asked for: `http://host:port/path`, or `tcp://host:port`. */
  readonly url: string;
  /** What it speaks; HTTP/1 when left out. */
  readonly protocol?: Protocol;
  /** The proxy that is asked for it, in HTTP/1 in absolute form, as clients do for `http_proxy`, for TCP by CONNECT; null for a direct call, and where connections are redirected to one. */
  readonly proxy: Address | null;
  /** The proxies in the way, whose CPU time and memory are counted. */
  readonly processes: readonly ProxyProcess[];
}

/** A proxy: a process of this machine by its id, or one elsewhere by the host:port of its metrics page. */
export type ProxyProcess = number | string;

/** What the URL of a target begins with. */
export const schemeOf = (protocol: Protocol): "http" | "tcp" => (protocol === "tcp" ? "tcp" : "http");

/** How the report calls the way through two sidecars, which speak mTLS to each other or do not. */
export const rowOfTwo = (tls: boolean): string => (tls ? "two sidecars, mTLS" : "two sidecars");

/** Where to connect to. */
export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The address to open connections to. */
export function addressOf(target: Target): Address {
  return target.proxy ?? addressOfUrl(new URL(target.url));
}

/** Host and port of a URL; 80 is the port when it has none. */
export function addressOfUrl(url: URL): Address {
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || "80") };
}

/** The bytes of one request of HTTP/1 to a target. */
export function requestTo(target: Target): Buffer {
  const url = new URL(target.url);
  const asked = target.proxy === null ? url.pathname + url.search : url.origin + url.pathname + url.search;
  return Buffer.from(
    `GET ${asked} HTTP/1.1\r\nHost: ${url.host}\r\nUser-Agent: mesh-bench\r\nAccept: */*\r\n\r\n`,
  );
}

import { BlockList, isIP } from "node:net";

const HOST_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i;

/** What is wrong with an IP address or host name, if anything is. */
export function addressMistake(text: string): string | undefined {
  if (isIP(text) !== 0) return undefined;
  const looksLikeIp = /^[0-9.]+$/.test(text) || text.includes(":");
  if (!looksLikeIp && HOST_NAME.test(text)) return undefined;
  const hint = /:\d+$/.test(text) && !text.includes("::") ? "; the port has a field of its own" : "";
  return `${JSON.stringify(text)} is neither an IP address nor a host name${hint}`;
}

/** What is wrong with a network in CIDR notation (RFC 4632, RFC 4291), if anything is. */
export function cidrMistake(text: string): string | undefined {
  const [address = "", bits = "", ...more] = text.split("/");
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits))
    return `${JSON.stringify(text)} is no network`;
  if (Number(bits) > most) return `${JSON.stringify(text)} has a prefix longer than ${most} bits`;
  return undefined;
}

/** Addresses that mean another machine, or several, to each who connects to them. */
const NOBODYS = new BlockList();
for (const [network, bits, family] of [
  ["0.0.0.0", 8, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["::", 127, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
] as const) {
  NOBODYS.addSubnet(network, bits, family);
}

/** Whether an IP address may be that of an endpoint, by the API server's rule: not a loopback, link-local or multicast one. */
export const isEndpointIp = (ip: string): boolean => !NOBODYS.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4");

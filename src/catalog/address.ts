import { BlockList, isIP, isIPv6, SocketAddress as NetAddress } from "node:net";
import type { SocketAddress } from "./model.js";

/** `ip:port`, IPv6 in brackets. */
export function formatAddress({ ip, port }: SocketAddress): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** Reads `ip:port` (IPv6 in brackets); undefined for anything else, names included. */
export function parseAddress(text: string): SocketAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const ip = canonicalIp(match?.[1] ?? match?.[2] ?? "");
  const port = Number(match?.[3]);
  if (ip === undefined || port < 1 || port > 65535) return undefined;
  return { ip, port };
}

/** The one text form of an IP address (IPv4 in IPv6 is IPv4); undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const version = isIP(text);
  if (version === 0) return undefined;
  if (version === 4) return text;
  return new NetAddress({ address: text, family: "ipv6" }).address.replace(/^::ffff:(?=\d+\.)/, "");
}

/** Whether an IP address is that of the machine it is used on. */
export const isLoopbackIp = (ip: string): boolean => ip === "::1" || ip.startsWith("127.");

/** Whether an IP address is in one of these networks: `10.0.0.0/8`, or an address; what is none has nobody in it. */
export function isInNetworks(ip: string, networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
    const family = isIP(address);
    const length = Number(prefix ?? (family === 4 ? 32 : 128));
    if (family === 0 || length > (family === 4 ? 32 : 128)) continue;
    list.addSubnet(address, length, familyOf(address));
  }
  return isIP(ip) !== 0 && list.check(ip, familyOf(ip));
}

const familyOf = (ip: string) => (isIPv6(ip) ? "ipv6" : "ipv4");

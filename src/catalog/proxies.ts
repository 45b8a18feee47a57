import { EventEmitter } from "node:events";
import { parseAddress } from "./address.js";
import type { ConnectedProxy } from "./model.js";

interface ProxyEvents {
  joined: [ConnectedProxy];
  left: [ConnectedProxy];
}

/**
 * The proxies of the mesh, one a namespace and name. A proxy that joins again with other addresses leaves first;
 * one that joins again unchanged is no event.
 */
export class Proxies extends EventEmitter<ProxyEvents> implements Iterable<ConnectedProxy> {
  private readonly byName = new Map<string, ConnectedProxy>();
  private readonly byInbound = new Map<string, ConnectedProxy>();
  /** Those that take redirected connections, by the IP address of which they have every port. */
  private readonly byIp = new Map<string, ConnectedProxy>();

  constructor() {
    super();
    // One for each tap that runs, among others.
    this.setMaxListeners(0);
  }

  get size(): number {
    return this.byName.size;
  }

  [Symbol.iterator](): IterableIterator<ConnectedProxy> {
    return this.byName.values();
  }

  get(namespace: string, name: string): ConnectedProxy | undefined {
    return this.byName.get(keyOf(namespace, name));
  }

  /** The proxy that serves at this address (`ip:port`, IPv6 in brackets). */
  at(address: string): ConnectedProxy | undefined {
    return this.byInbound.get(address) ?? this.byIp.get(parseAddress(address)?.ip ?? "");
  }

  join(proxy: ConnectedProxy): void {
    const before = this.get(proxy.namespace, proxy.name);
    if (before && JSON.stringify(before) === JSON.stringify(proxy)) return;
    if (before) this.leave(before.namespace, before.name);
    this.byName.set(keyOf(proxy.namespace, proxy.name), proxy);
    for (const { address } of proxy.inbound) this.byInbound.set(address, proxy);
    for (const ip of redirectedIps(proxy)) this.byIp.set(ip, proxy);
    this.emit("joined", proxy);
  }

  leave(namespace: string, name: string): void {
    const proxy = this.get(namespace, name);
    if (!proxy) return;
    this.byName.delete(keyOf(namespace, name));
    for (const { address } of proxy.inbound) {
      if (this.byInbound.get(address) === proxy) this.byInbound.delete(address);
    }
    for (const ip of redirectedIps(proxy)) {
      if (this.byIp.get(ip) === proxy) this.byIp.delete(ip);
    }
    this.emit("left", proxy);
  }
}

/** The IP addresses at which a proxy is reached. */
export const inboundIps = ({ inbound }: Pick<ConnectedProxy, "inbound">): string[] =>
  inbound.flatMap(({ address }) => parseAddress(address)?.ip ?? []);

/** The IP addresses of which every port is redirected to a proxy. Loopback never is: many may share that. */
export const redirectedIps = ({ inbound }: ConnectedProxy): string[] =>
  inboundIps({ inbound: inbound.filter(({ application }) => application === "") }).filter(
    (ip) => ip !== "::1" && !ip.startsWith("127."),
  );

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

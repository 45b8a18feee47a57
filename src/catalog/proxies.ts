import { EventEmitter } from "node:events";
import { Listeners } from "./listeners.js";
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
  private readonly byAddress = new Listeners<ConnectedProxy>();

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
    return this.byAddress.at(address);
  }

  join(proxy: ConnectedProxy): void {
    const before = this.get(proxy.namespace, proxy.name);
    if (before && JSON.stringify(before) === JSON.stringify(proxy)) return;
    if (before) this.leave(before.namespace, before.name);
    this.byName.set(keyOf(proxy.namespace, proxy.name), proxy);
    this.byAddress.add(proxy);
    this.emit("joined", proxy);
  }

  leave(namespace: string, name: string): void {
    const proxy = this.get(namespace, name);
    if (!proxy) return;
    this.byName.delete(keyOf(namespace, name));
    this.byAddress.remove(proxy);
    this.emit("left", proxy);
  }
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

import { EventEmitter } from "node:events";
import { isDeepStrictEqual } from "node:util";
import { identityOf } from "./endpoint-set.js";
import { Listeners } from "./listeners.js";
import type { Instance, Sidecar } from "./model.js";
import type { Proxies } from "./proxies.js";

interface SidecarEvents {
  joined: [Sidecar];
  left: [Sidecar];
}

/** What is known of one sidecar. */
interface Known {
  /** By its own discovery stream. */
  connected: Sidecar | undefined;
  /** By the instance, as a registry declares it. */
  declared: Sidecar | undefined;
  /** Both together; the same object for as long as nothing of it changes. */
  sidecar: Sidecar | undefined;
}

const NOTHING: Known = { connected: undefined, declared: undefined, sidecar: undefined };

/**
 * The sidecars of the mesh, one a namespace and name: the proxies that are connected here, and those of which a
 * registry tells, for they may be connected to another replica, or not yet. One whose addresses change leaves first.
 */
export class Sidecars extends EventEmitter<SidecarEvents> implements Iterable<Sidecar> {
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Listeners<Sidecar>();

  constructor(proxies: Proxies) {
    super();
    // One for each tap that runs, among others.
    this.setMaxListeners(0);
    proxies.on("joined", (proxy) => this.#set(keyOf(proxy), { connected: proxy }));
    proxies.on("left", (proxy) => this.#set(keyOf(proxy), { connected: undefined }));
  }

  *[Symbol.iterator](): IterableIterator<Sidecar> {
    for (const { sidecar } of this.#known.values()) if (sidecar) yield sidecar;
  }

  get(namespace: string, name: string): Sidecar | undefined {
    return this.#known.get(keyOf({ namespace, name }))?.sidecar;
  }

  /** The sidecar that takes what is sent to this address (`ip:port`, IPv6 in brackets). */
  at(address: string): Sidecar | undefined {
    return this.#listeners.at(address);
  }

  /** To be called after an instance came, went or changed. */
  instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    if (before && !after) this.#set(keyOf(before), { declared: undefined });
    if (after) this.#set(keyOf(after), { declared: declaredBy(after) });
  }

  #set(key: string, change: Partial<Known>): void {
    const known = this.#known.get(key) ?? NOTHING;
    const before = known.sidecar;
    const now = { ...known, ...change };
    const after = together(now);
    const isNews = !isDeepStrictEqual(before, after);
    if (after) this.#known.set(key, { ...now, sidecar: isNews ? after : before });
    else this.#known.delete(key);
    if (!isNews) return;
    if (before) this.#listeners.remove(before);
    if (after) this.#listeners.add(after);
    if (before) this.emit("left", before);
    if (after) this.emit("joined", after);
  }
}

/**
 * Of where it is looked at, and of its identity, what a registry says counts more than what the proxy says of itself: that is known to
 * whoever reads the same registry.
 */
function together({ connected, declared }: Known): Sidecar | undefined {
  if (!connected || !declared) return connected ?? declared;
  const { namespace, name, workload } = connected;
  return {
    namespace,
    name,
    workload,
    adminAddress: declared.adminAddress || connected.adminAddress,
    ...tapOf(declared.tapAddress === "" ? connected : declared),
    inbound: connected.inbound,
    ...identityOf(declared),
    ...(declared.bypassed && { bypassed: declared.bypassed }),
  };
}

const tapOf = ({ tapAddress, tapIdentity }: Sidecar) => ({
  tapAddress,
  ...(tapIdentity !== undefined && { tapIdentity }),
});

function declaredBy({ namespace, name, workload, sidecar }: Instance): Sidecar | undefined {
  return sidecar && { namespace, name, workload, ...sidecar };
}

const keyOf = ({ namespace, name }: Pick<Sidecar, "namespace" | "name">) => `${namespace}/${name}`;

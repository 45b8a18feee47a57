import { isDeepStrictEqual } from "node:util";
import { formatAddress } from "./address.js";
import type { Member } from "./members.js";
import type { Endpoint, Instance, Sidecar, SocketAddress } from "./model.js";

/** Told of one address at a time: undefined before means it is new, undefined after that it is gone. */
export type EndpointListener = (before: Endpoint | undefined, after: Endpoint | undefined) => void;

interface Place {
  address: SocketAddress;
  /** By name, the instances that claim the address; none for a fixed address. */
  instances: Map<string, Instance>;
  endpoint: Endpoint;
}

/** The endpoints of one port of one service, kept while somebody watches it. */
export class EndpointSet {
  private readonly places = new Map<string, Place>();
  private readonly listeners = new Set<EndpointListener>();

  constructor(
    private readonly namespace: string,
    private readonly sidecarAt: (address: string) => Sidecar | undefined,
  ) {}

  *endpoints(): IterableIterator<Endpoint> {
    for (const place of this.places.values()) yield place.endpoint;
  }

  listen(listener: EndpointListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Adds an address, or a claim on it; returns whether the address is new. */
  add({ address, instance }: Member): boolean {
    const key = formatAddress(address);
    const place = this.places.get(key);
    if (place) {
      if (instance) place.instances.set(instance.name, instance);
      this.refresh(key);
      return false;
    }
    const instances = new Map(instance && [[instance.name, instance]]);
    const endpoint = this.describe(address, instances, undefined);
    this.places.set(key, { address, instances, endpoint });
    this.tell(undefined, endpoint);
    return true;
  }

  /** Takes back what was added; returns whether the address is gone. */
  remove({ address, instance }: Member): boolean {
    const key = formatAddress(address);
    const place = this.places.get(key);
    if (!place) return false;
    if (instance) place.instances.delete(instance.name);
    if (place.instances.size > 0) {
      this.refresh(key);
      return false;
    }
    this.places.delete(key);
    this.tell(place.endpoint, undefined);
    return true;
  }

  /** Looks again whose the address is, after a proxy came or went there. */
  refresh(key: string): void {
    const place = this.places.get(key);
    if (!place) return;
    const before = place.endpoint;
    const after = this.describe(place.address, place.instances, before);
    if (sameEndpoint(before, after)) return;
    place.endpoint = after;
    this.tell(before, after);
  }

  private describe(
    address: SocketAddress,
    instances: Map<string, Instance>,
    before: Endpoint | undefined,
  ): Endpoint {
    const sidecar = this.sidecarAt(formatAddress(address));
    if (sidecar) return { address, ...ownerOf(sidecar), ...identityOf(sidecar), meshed: true };
    const [instance] = instances.values();
    if (instance) return { address, ...ownerOf(instance), meshed: false };
    // A fixed address has no other source for its owner: the one that a proxy once gave it stands, so that the metrics of
    // an endpoint whose proxy died keep their labels.
    if (before) {
      const { namespace, workload, pod } = before;
      return { address, namespace, workload, pod, meshed: false };
    }
    return { address, namespace: this.namespace, workload: undefined, pod: "", meshed: false };
  }

  private tell(before: Endpoint | undefined, after: Endpoint | undefined): void {
    for (const listener of this.listeners) listener(before, after);
  }
}

/** Whose an address is. */
export const ownerOf = ({ namespace, workload, name }: Sidecar | Instance) => ({
  namespace,
  workload,
  pod: name,
});

/** What an endpoint at which a sidecar listens must prove. */
export const identityOf = ({ identity, bypassedFrom }: Pick<Sidecar, "identity" | "bypassedFrom">) =>
  identity === undefined ? {} : { identity, ...(bypassedFrom && { bypassedFrom }) };

const sameEndpoint = (a: Endpoint, b: Endpoint) =>
  a.meshed === b.meshed &&
  a.identity === b.identity &&
  isDeepStrictEqual(a.bypassedFrom, b.bypassedFrom) &&
  a.pod === b.pod &&
  a.namespace === b.namespace &&
  a.workload?.kind === b.workload?.kind &&
  a.workload?.name === b.workload?.name;

import { formatAddress, type Catalog, type Place, type Service } from "../../catalog/index.js";
import type { ReachedFacts, ServiceFacts } from "./service.js";
import type { Slice, SliceEndpointFacts } from "./slice.js";

/** Puts services and their slices together in the catalog, in whatever order they come. Keys are `namespace/name`. */
export class Services {
  readonly #catalog: Catalog;
  readonly #services = new Map<string, ServiceFacts>();
  readonly #slices = new Map<string, Slice>();
  /** The keys of each service's slices. */
  readonly #slicesOf = new Map<string, Set<string>>();

  readonly #unpublished = new Set<string>();
  readonly #placed = new WeakMap<Slice, { facts: ReachedFacts; places: readonly Place[] }>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Undefined takes it away. */
  setService(key: string, facts: ServiceFacts | undefined): void {
    if (facts) this.#services.set(key, facts);
    else this.#services.delete(key);
    this.#due(key);
  }

  /** Undefined takes it away. */
  setSlice(key: string, slice: Slice | undefined): void {
    const before = this.#slices.get(key)?.service;
    const after = slice?.service;
    if (slice) this.#slices.set(key, slice);
    else this.#slices.delete(key);
    if (before !== undefined && before !== after) {
      const others = this.#slicesOf.get(before);
      if (others?.delete(key) && others.size === 0) this.#slicesOf.delete(before);
      this.#due(before);
    }
    if (after !== undefined) {
      this.#slicesOf.set(after, (this.#slicesOf.get(after) ?? new Set<string>()).add(key));
      this.#due(after);
    }
  }

  /** What comes together is published together: of many slices of one service, once. */
  #due(key: string): void {
    if (this.#unpublished.size === 0) queueMicrotask(() => this.#publishAll());
    this.#unpublished.add(key);
  }

  #publishAll(): void {
    const due = [...this.#unpublished];
    this.#unpublished.clear();
    for (const key of due) this.#publish(key);
  }

  #publish(key: string): void {
    const facts = this.#services.get(key);
    const [namespace = "", name = ""] = key.split("/");
    if (facts === undefined) this.#catalog.removeService(namespace, name);
    else this.#catalog.putService({ namespace, name, ...this.#reached(key, facts) });
  }

  #reached(key: string, facts: ServiceFacts): Omit<Service, "namespace" | "name"> {
    if ("alias" in facts) return { alias: facts.alias, ports: [], endpoints: { addresses: [] } };
    const { addresses, ports, onOwnNode, selector, family } = facts;
    return {
      ...(selector && { selects: selector }),
      ...(addresses.length > 0 && { addresses: [...addresses] }),
      ports: ports.map(({ port, nodePort }) => {
        return { port, target: port, ...(nodePort !== undefined && { nodePort }) };
      }),
      endpoints: {
        places: this.#placesOf(key, facts),
        ...(onOwnNode && { onOwnNode }),
        ...(family !== undefined && { family }),
      },
    };
  }

  /** Where it is served. An endpoint that moves stands in two slices for a while: where they differ, it is ready. */
  #placesOf(key: string, facts: ReachedFacts): Place[] {
    const places = new Map<string, Place>();
    for (const sliceKey of this.#slicesOf.get(key) ?? []) {
      const slice = this.#slices.get(sliceKey);
      for (const place of slice ? this.#placesIn(slice, facts) : []) {
        const known = `${formatAddress(place.address)} ${place.port}`;
        const other = places.get(known);
        if (other === undefined || other.draining === true) places.set(known, place);
      }
    }
    return [...places.values()];
  }

  /** Made once for a slice and a service: what did not change is the same object then. */
  #placesIn(slice: Slice, facts: ReachedFacts): readonly Place[] {
    const known = this.#placed.get(slice);
    if (known?.facts === facts) return known.places;
    const places = placesOf(slice, facts);
    this.#placed.set(slice, { facts, places });
    return places;
  }
}

function placesOf({ ports, endpoints }: Slice, facts: ReachedFacts): Place[] {
  return facts.ports.flatMap(({ name, port }) =>
    ports
      .filter((target) => target.name === name)
      .flatMap((target) => endpoints.flatMap((endpoint) => placesAt(endpoint, target.port, port))),
  );
}

function placesAt(endpoint: SliceEndpointFacts, targetPort: number, port: number): Place[] {
  const { ips, pod, state, hostname, node, zones, nodes } = endpoint;
  if (state === "away") return [];
  return ips.map((ip) => ({
    address: { ip, port: targetPort },
    port,
    instance: pod,
    ...(state === "draining" && { draining: true }),
    ...(hostname !== undefined && { hostname }),
    ...(node !== undefined && { node }),
    ...(zones !== undefined && { zones }),
    ...(nodes !== undefined && { nodes }),
  }));
}

import type { Catalog, Place } from "../../catalog/index.js";
import type { ServiceFacts } from "./service.js";
import type { EndpointState, Slice } from "./slice.js";

/** Puts services and their slices together in the catalog, in whatever order they come. Keys are `namespace/name`. */
export class Services {
  readonly #catalog: Catalog;
  readonly #services = new Map<string, ServiceFacts>();
  readonly #slices = new Map<string, Slice>();
  /** The keys of each service's slices. */
  readonly #slicesOf = new Map<string, Set<string>>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Undefined takes it away. */
  setService(key: string, facts: ServiceFacts | undefined): void {
    if (facts) this.#services.set(key, facts);
    else this.#services.delete(key);
    this.#publish(key);
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
      this.#publish(before);
    }
    if (after !== undefined) {
      this.#slicesOf.set(after, (this.#slicesOf.get(after) ?? new Set<string>()).add(key));
      this.#publish(after);
    }
  }

  #publish(key: string): void {
    const facts = this.#services.get(key);
    const [namespace = "", name = ""] = key.split("/");
    if (facts === undefined) {
      this.#catalog.removeService(namespace, name);
      return;
    }
    this.#catalog.putService({
      namespace,
      name,
      ...(facts.addresses.length > 0 && { addresses: [...facts.addresses] }),
      ports: facts.ports.map(({ port }) => ({ port, target: port })),
      endpoints: { places: this.#placesOf(key, facts) },
    });
  }

  /** Where it is served: where endpoints are ready; if none is, where they still serve while they drain. */
  #placesOf(key: string, facts: ServiceFacts): Place[] {
    const slices = [...(this.#slicesOf.get(key) ?? [])].flatMap((slice) => this.#slices.get(slice) ?? []);
    const placesIn = (state: EndpointState) => slices.flatMap((slice) => placesOf(slice, facts, state));
    const ready = placesIn("ready");
    return ready.length > 0 ? ready : placesIn("draining");
  }
}

function placesOf({ ports, endpoints }: Slice, facts: ServiceFacts, state: EndpointState): Place[] {
  const meant = endpoints.filter((endpoint) => endpoint.state === state);
  return facts.ports.flatMap(({ name, port }) =>
    ports
      .filter((target) => target.name === name)
      .flatMap((target) =>
        meant.flatMap(({ ips, pod }) =>
          ips.map((ip) => ({ address: { ip, port: target.port }, port, instance: pod })),
        ),
      ),
  );
}

import {
  type Catalog,
  formatAddress,
  Index,
  type Instance,
  matches,
  type Place,
  servedAt,
  type Service,
} from "../../catalog/index.js";
import type { Readiness } from "./pod.js";
import type { ReachedFacts, ServiceFacts } from "./service.js";
import type { EndpointState, Slice, SliceEndpointFacts } from "./slice.js";

/**
 * Puts services, their slices and the Workloads that they select together in the catalog, in whatever order they come. Keys are
 * `namespace/name`.
 */
export class Services {
  readonly #catalog: Catalog;
  readonly #services = new Map<string, ServiceFacts>();
  readonly #slices = new Map<string, Slice>();
  /** The keys of each service's slices. */
  readonly #slicesOf = new Index<string>();
  /** The pods that were not heard of, until they are unready; when they are heard of again, their slices may be late. */
  readonly #unheard = new Set<string>();
  /** By the key of a pod, the keys of the slices that call it away. */
  readonly #awayIn = new Index<string>();
  readonly #workloads = new Map<string, Instance>();
  /** By namespace, the keys of the services that select, and the Workloads. */
  readonly #selectingIn = new Index<string>();
  readonly #workloadsIn = new Index<Instance>();

  readonly #unpublished = new Set<string>();
  readonly #placed = new WeakMap<Slice, { facts: ReachedFacts; places: readonly Place[] }>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Undefined takes it away. */
  setService(key: string, facts: ServiceFacts | undefined): void {
    if (facts) this.#services.set(key, facts);
    else this.#services.delete(key);
    if (selectorOf(facts)) this.#selectingIn.add(namespaceIn(key), key);
    else this.#selectingIn.delete(namespaceIn(key), key);
    this.#due(key);
  }

  /** Undefined takes it away. */
  setSlice(key: string, slice: Slice | undefined): void {
    for (const pod of awayIn(this.#slices.get(key))) this.#awayIn.delete(pod, key);
    for (const pod of awayIn(slice)) this.#awayIn.add(pod, key);
    const before = this.#slices.get(key)?.service;
    const after = slice?.service;
    if (slice) this.#slices.set(key, slice);
    else this.#slices.delete(key);
    if (before !== undefined && before !== after) {
      this.#slicesOf.delete(before, key);
      this.#due(before);
    }
    if (after !== undefined) {
      this.#slicesOf.add(after, key);
      this.#due(after);
    }
  }

  /** A pod that was not heard of counts, as one that drains, where a slice calls it away. */
  setReadiness(pod: string, readiness: Readiness): void {
    const isUnheard = readiness === "unheard" || (readiness === "ready" && this.#unheard.has(pod));
    if (this.#unheard.has(pod) === isUnheard) return;
    if (isUnheard) this.#unheard.add(pod);
    else this.#unheard.delete(pod);
    for (const key of this.#awayIn.get(pod)) {
      const slice = this.#slices.get(key);
      if (slice?.service === undefined) continue;
      this.#placed.delete(slice);
      this.#due(slice.service);
    }
  }

  /** Undefined takes it away. */
  setWorkload(key: string, workload: Instance | undefined): void {
    const before = this.#workloads.get(key);
    const namespace = namespaceIn(key);
    if (workload) this.#workloads.set(key, workload);
    else this.#workloads.delete(key);
    this.#workloadsIn.delete(namespace, before);
    this.#workloadsIn.add(namespace, workload);
    for (const service of this.#selectingIn.get(namespace)) {
      const selector = selectorOf(this.#services.get(service)) ?? {};
      if ([before, workload].some((one) => one && matches(selector, one))) this.#due(service);
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

  /**
   * Where it is served. An endpoint that moves stands in two slices for a while: where they differ, it is ready. A Workload says
   * nothing of an address that is a pod's.
   */
  #placesOf(key: string, facts: ReachedFacts): Place[] {
    const places = new Map<string, Place>();
    for (const sliceKey of this.#slicesOf.get(key)) {
      const slice = this.#slices.get(sliceKey);
      for (const place of slice ? this.#placesIn(slice, facts) : []) {
        const other = places.get(placeKey(place));
        if (other === undefined || other.draining === true) places.set(placeKey(place), place);
      }
    }
    for (const place of this.#selectedPlaces(namespaceIn(key), facts)) {
      if (places.get(placeKey(place))?.instance === undefined) places.set(placeKey(place), place);
    }
    return [...places.values()];
  }

  /** At the Workloads. They are always ready: nothing tells when they are not. */
  #selectedPlaces(namespace: string, { ports, selector = {} }: ReachedFacts): Place[] {
    const selected = [...this.#workloadsIn.get(namespace)].filter((workload) => matches(selector, workload));
    return selected.flatMap((workload) =>
      ports.flatMap((port) =>
        servedAt(port, workload).map((address): Place => {
          return { address, port: port.port, instance: workload.name, outside: true };
        }),
      ),
    );
  }

  /** Made once for a slice and a service: what did not change is the same object then. */
  #placesIn(slice: Slice, facts: ReachedFacts): readonly Place[] {
    const known = this.#placed.get(slice);
    if (known?.facts === facts) return known.places;
    const places = placesOf(slice, facts, (endpoint) => this.#stateOf(slice, endpoint));
    this.#placed.set(slice, { facts, places });
    return places;
  }

  #stateOf(slice: Slice, endpoint: SliceEndpointFacts): EndpointState {
    const pod = endpoint.state === "away" ? podKey(slice, endpoint) : undefined;
    return pod !== undefined && this.#unheard.has(pod) ? "draining" : endpoint.state;
  }
}

/** The keys of the pods that a slice calls away. */
function awayIn(slice: Slice | undefined): string[] {
  const away = slice?.endpoints.filter(({ state }) => state === "away") ?? [];
  return away.flatMap((endpoint) => (slice && podKey(slice, endpoint)) ?? []);
}

const podKey = ({ service }: Slice, { pod }: SliceEndpointFacts) =>
  service === undefined || pod === undefined ? undefined : `${namespaceIn(service)}/${pod}`;

const placeKey = ({ address, port }: Place) => `${formatAddress(address)} ${port}`;

const namespaceIn = (key: string) => key.slice(0, key.indexOf("/"));

const selectorOf = (facts: ServiceFacts | undefined) =>
  facts && "selector" in facts ? facts.selector : undefined;

function placesOf(
  { ports, endpoints }: Slice,
  facts: ReachedFacts,
  stateOf: (endpoint: SliceEndpointFacts) => EndpointState,
): Place[] {
  return facts.ports.flatMap(({ name, port }) =>
    ports
      .filter((target) => target.name === name)
      .flatMap((target) =>
        endpoints.flatMap((endpoint) => placesAt(endpoint, stateOf(endpoint), target.port, port)),
      ),
  );
}

function placesAt(
  endpoint: SliceEndpointFacts,
  state: EndpointState,
  targetPort: number,
  port: number,
): Place[] {
  const { ips, pod, hostname, node, zones, nodes } = endpoint;
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

import { formatAddress } from "./address.js";
import { workloadKey, workloadKeys } from "./workload-names.js";
import type { Instance, Labels, Service, SocketAddress } from "./model.js";

/** The key of a service or instance: names compare in lower case. */
export const keyOf = (namespace: string, name: string) => `${namespace}/${name}`.toLowerCase();

const pairKey = (namespace: string, label: string, value: string) => `${namespace}\0${label}\0${value}`;

/** Whether an instance carries every label of the selector. An empty selector matches nothing. */
export function matches(selector: Labels, instance: Instance): boolean {
  const pairs = Object.entries(selector);
  return pairs.length > 0 && pairs.every(([label, value]) => instance.labels[label] === value);
}

/** The services that registries declared, found by name and by the instances they select. */
export class Services {
  private readonly byKey = new Map<string, Service>();
  /** A service that selects stands under the first label of its selector. */
  private readonly byPair = new Index<Service>();
  /** By virtual address. */
  private readonly byIp = new Index<Service>();
  /** By fixed endpoint. */
  private readonly byEndpoint = new Index<Service>();
  private readonly byNodePort = new Index<Service, number>();
  /** By the key of an instance that one of its places names. */
  private readonly byInstance = new Index<Service>();

  get(namespace: string, name: string): Service | undefined {
    return this.byKey.get(keyOf(namespace, name));
  }

  all(): IterableIterator<Service> {
    return this.byKey.values();
  }

  /** Returns what stood there before. */
  set(namespace: string, name: string, service: Service | undefined): Service | undefined {
    const key = keyOf(namespace, name);
    const before = this.byKey.get(key);
    if (before) this.forget(before);
    if (service) {
      this.byKey.set(key, service);
      this.byPair.add(firstPair(service), service);
      for (const ip of service.addresses ?? []) this.byIp.add(ip, service);
      for (const { nodePort } of service.ports) this.byNodePort.add(nodePort, service);
      for (const address of fixedAddresses(service)) this.byEndpoint.add(formatAddress(address), service);
      for (const instance of placedInstances(service)) this.byInstance.add(instance, service);
    } else this.byKey.delete(key);
    return before;
  }

  private forget(service: Service): void {
    this.byPair.delete(firstPair(service), service);
    for (const ip of service.addresses ?? []) this.byIp.delete(ip, service);
    for (const { nodePort } of service.ports) this.byNodePort.delete(nodePort, service);
    for (const address of fixedAddresses(service)) this.byEndpoint.delete(formatAddress(address), service);
    for (const instance of placedInstances(service)) this.byInstance.delete(instance, service);
  }

  /** The service that has this virtual address. */
  withIp(ip: string): Service | undefined {
    return [...this.byIp.get(ip)][0];
  }

  /** The service that is reached at this port of every node, and which of its own ports that is. */
  withNodePort(nodePort: number): { service: Service; port: number } | undefined {
    const [service] = this.byNodePort.get(nodePort);
    const found = service?.ports.find((port) => port.nodePort === nodePort);
    return service && found && { service, port: found.port };
  }

  /** A service that has this fixed endpoint. */
  withEndpoint(address: SocketAddress): Service | undefined {
    return [...this.byEndpoint.get(formatAddress(address))][0];
  }

  /** The services that the instance belongs to: by their selector, or because they name it. */
  *having(instance: Instance): IterableIterator<Service> {
    yield* this.byInstance.get(keyOf(instance.namespace, instance.name));
    yield* this.selecting(instance);
  }

  private *selecting(instance: Instance): IterableIterator<Service> {
    for (const [label, value] of Object.entries(instance.labels)) {
      for (const service of this.byPair.get(pairKey(instance.namespace, label, value))) {
        if ("selector" in service.endpoints && matches(service.endpoints.selector, instance)) yield service;
      }
    }
  }
}

/** The endpoints of a service that no instance stands for. */
export function fixedAddresses({ endpoints }: Service): SocketAddress[] {
  if ("addresses" in endpoints) return endpoints.addresses;
  if (!("places" in endpoints)) return [];
  return endpoints.places.filter(({ instance }) => instance === undefined).map(({ address }) => address);
}

/** The keys of the instances that a service names. */
function placedInstances({ namespace, endpoints }: Service): Set<string> {
  if (!("places" in endpoints)) return new Set();
  const names = endpoints.places.flatMap(({ instance }) => instance ?? []);
  return new Set(names.map((name) => keyOf(namespace, name)));
}

function firstPair(service: Service): string | undefined {
  if (!("selector" in service.endpoints)) return undefined;
  const [pair] = Object.entries(service.endpoints.selector);
  return pair && pairKey(service.namespace, ...pair);
}

/** The instances that registries declared, found by name and by label. */
export class Instances {
  private readonly byKey = new Map<string, Instance>();
  private readonly byPair = new Index<Instance>();
  private readonly byIp = new Index<Instance>();
  private readonly byWorkload = new Index<Instance>();

  all(): IterableIterator<Instance> {
    return this.byKey.values();
  }

  get(namespace: string, name: string): Instance | undefined {
    return this.byKey.get(keyOf(namespace, name));
  }

  /** Returns what stood there before. */
  set(namespace: string, name: string, instance: Instance | undefined): Instance | undefined {
    const key = keyOf(namespace, name);
    const before = this.byKey.get(key);
    for (const pair of pairsOf(before)) this.byPair.delete(pair, before);
    for (const pair of pairsOf(instance)) this.byPair.add(pair, instance);
    for (const ip of before?.addresses ?? []) this.byIp.delete(ip, before);
    for (const ip of instance?.addresses ?? []) this.byIp.add(ip, instance);
    if (before) for (const known of workloadKeys(before)) this.byWorkload.delete(known, before);
    if (instance) for (const known of workloadKeys(instance)) this.byWorkload.add(known, instance);
    if (instance) this.byKey.set(key, instance);
    else this.byKey.delete(key);
    return before;
  }

  /** The instance at an address: whose own it is or, where several share the IP address, the one that names the port. */
  at({ ip, port }: SocketAddress): Instance | undefined {
    const all = [...this.byIp.get(ip)];
    const own = all.filter(({ sharesAddresses }) => sharesAddresses !== true);
    const there = own.length > 0 ? own : all;
    const named = there.find((instance) => Object.values(instance.ports).includes(port));
    return named ?? (there.length === 1 ? there[0] : undefined);
  }

  /** The instances of a workload, or the one of that name. @param kind in lower case */
  named(namespace: string, kind: string, name: string): Instance[] {
    return [...this.byWorkload.get(workloadKey(namespace, kind, name))];
  }

  matching(namespace: string, selector: Labels): Instance[] {
    const sets = Object.entries(selector).map(([label, value]) =>
      this.byPair.get(pairKey(namespace, label, value)),
    );
    const smallest = sets.sort((a, b) => a.size - b.size)[0];
    return [...(smallest ?? [])].filter((instance) => matches(selector, instance));
  }
}

function pairsOf(instance: Instance | undefined): string[] {
  if (!instance) return [];
  return Object.entries(instance.labels).map(([label, value]) => pairKey(instance.namespace, label, value));
}

const NONE: ReadonlySet<never> = new Set<never>();

/** Many values under one key. */
export class Index<T, K extends string | number = string> {
  private readonly sets = new Map<K, Set<T>>();

  get(key: K): ReadonlySet<T> {
    return this.sets.get(key) ?? NONE;
  }

  add(key: K | undefined, value: T | undefined): void {
    if (key === undefined || value === undefined) return;
    const set = this.sets.get(key);
    if (set) set.add(value);
    else this.sets.set(key, new Set([value]));
  }

  delete(key: K | undefined, value: T | undefined): void {
    if (key === undefined || value === undefined) return;
    const set = this.sets.get(key);
    if (set?.delete(value) && set.size === 0) this.sets.delete(key);
  }
}

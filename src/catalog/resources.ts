import { formatAddress } from "./address.js";
import { destinationAt, membersOf, type Member } from "./members.js";
import type {
  ConnectedProxy,
  Instance,
  Resource,
  ResourceSelector,
  Service,
  Sidecar,
  Workload,
} from "./model.js";
import type { Namespaces } from "./namespaces.js";
import type { Proxies } from "./proxies.js";
import type { Instances, Services } from "./registered.js";
import type { Sidecars } from "./sidecars.js";

/** An instance that is known, from a registry, from its proxy, or from both. */
interface Pod {
  namespace: string;
  name: string;
  workload: Workload;
  node: string | undefined;
  sidecar: Sidecar | undefined;
}

/** What a resource groups: its pods, and their sidecars where they have one. */
interface Group {
  type: string;
  namespace: string;
  name: string;
  pods: Map<string, Sidecar | undefined>;
}

/** What is known. */
export interface World {
  namespaces: Namespaces;
  services: Services;
  instances: Instances;
  proxies: Proxies;
  sidecars: Sidecars;
}

/** A resource with the sidecars of its pods. */
export interface MeshedResource {
  readonly resource: Resource;
  readonly sidecars: readonly Sidecar[];
}

/** See `Catalog.resources`. */
export function listResources(selector: ResourceSelector, world: World): Resource[] {
  return listMeshedResources(selector, world).map(({ resource }) => resource);
}

/** See `Catalog.meshedResources`. */
export function listMeshedResources(selector: ResourceSelector, world: World): MeshedResource[] {
  return groups(selector, world)
    .map(({ type, namespace, name, pods }) => {
      const sidecars = [...pods.values()].filter((sidecar) => sidecar !== undefined);
      return { resource: { type, namespace, name, pods: pods.size, meshedPods: sidecars.length }, sidecars };
    })
    .sort(
      ({ resource: a }, { resource: b }) =>
        compare(a.type, b.type) || compare(a.namespace, b.namespace) || compare(a.name, b.name),
    );
}

/** See `Catalog.sidecarsOf`. */
export function sidecarsOf(selector: ResourceSelector, world: World): Sidecar[] {
  const found = new Set<Sidecar>();
  for (const group of groups(selector, world)) {
    for (const sidecar of group.pods.values()) if (sidecar) found.add(sidecar);
  }
  return [...found];
}

function groups(selector: ResourceSelector, world: World): Group[] {
  const found = new Map<string, Group>();
  const group = (type: string, namespace: string, name: string, isWorkload = false): Group | undefined => {
    if (!isMeant(selector, { type, namespace, name, isWorkload })) return undefined;
    const key = `${type}/${namespace}/${name}`;
    const known = found.get(key) ?? { type, namespace, name, pods: new Map() };
    found.set(key, known);
    return known;
  };
  for (const { name } of world.namespaces) group("namespace", "", name);
  for (const pod of podsOf(world)) {
    const { namespace, name, workload, node, sidecar } = pod;
    for (const owner of [
      group("namespace", "", namespace),
      group(workload.kind, namespace, workload.name, true),
      group("pod", namespace, name),
      node === undefined ? undefined : group("node", "", node),
    ]) {
      owner?.pods.set(`${namespace}/${name}`, sidecar);
    }
  }
  for (const service of world.services.all()) {
    group("namespace", "", service.namespace);
    const owner = group("service", service.namespace, service.name);
    if (!owner) continue;
    for (const member of servicePods(service, world.instances)) {
      const proxy = world.proxies.at(formatAddress(member.address));
      const pod = proxy ?? member.instance;
      const key = pod ? `${pod.namespace}/${pod.name}` : formatAddress(member.address);
      const sidecar = pod && world.sidecars.get(pod.namespace, pod.name);
      owner.pods.set(key, sidecar ?? owner.pods.get(key));
    }
  }
  return [...found.values()];
}

const IN_NO_NAMESPACE = new Set(["namespace", "node"]);

/** @param isWorkload whether it is what its pods belong to: a pod that nobody made is so too */
function isMeant(
  selector: ResourceSelector,
  { type, namespace, name, isWorkload }: Pick<Group, "type" | "namespace" | "name"> & { isWorkload: boolean },
): boolean {
  if (selector.name !== "" && selector.name !== name) return false;
  const inNamespace = !IN_NO_NAMESPACE.has(type);
  if (selector.namespace !== "" && inNamespace && selector.namespace !== namespace) return false;
  if (selector.type === "" || selector.type === "all") return inNamespace;
  if (selector.type === "workload") return isWorkload;
  return selector.type === type;
}

/** Every known instance once: one that a registry declares and that has a proxy goes by its proxy's names. */
function* podsOf({ services, instances, proxies, sidecars }: World): IterableIterator<Pod> {
  for (const proxy of proxies) {
    const { namespace, name, workload } = proxy;
    const node = instances.get(namespace, name)?.node;
    yield { namespace, name, workload, node, sidecar: sidecars.get(namespace, name) };
  }
  for (const instance of instances.all()) {
    if (proxyOf(instance, services, proxies)) continue;
    const { namespace, name, workload, node } = instance;
    yield { namespace, name, workload, node, sidecar: sidecars.get(namespace, name) };
  }
}

function proxyOf(instance: Instance, services: Services, proxies: Proxies): ConnectedProxy | undefined {
  const named = proxies.get(instance.namespace, instance.name);
  if (named) return named;
  const ports = new Set(Object.values(instance.ports));
  for (const service of services.having(instance)) {
    for (const { target } of service.ports) if (typeof target === "number") ports.add(target);
  }
  for (const ip of instance.addresses) {
    for (const port of ports) {
      const proxy = proxies.at(formatAddress({ ip, port }));
      if (proxy) return proxy;
    }
  }
  return undefined;
}

function servicePods(service: Service, instances: Instances): Member[] {
  if (service.ports.length === 0) return membersOf({ service, port: undefined }, instances);
  return service.ports.flatMap(({ port }) => {
    const destination = destinationAt(service, port);
    return destination ? membersOf(destination, instances) : [];
  });
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

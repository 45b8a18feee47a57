import { formatAddress } from "./address.js";
import { destinationAt, membersOf, type Member } from "./members.js";
import type { ConnectedProxy, Instance, Resource, ResourceSelector, Service, Workload } from "./model.js";
import type { Proxies } from "./proxies.js";
import type { Instances, Services } from "./registered.js";

/** An instance that is known, from a registry, from its proxy, or from both. */
interface Pod {
  namespace: string;
  name: string;
  workload: Workload;
  proxy: ConnectedProxy | undefined;
}

/** What a resource groups: its pods, and their proxies where they have one. */
interface Group {
  type: string;
  namespace: string;
  name: string;
  pods: Map<string, ConnectedProxy | undefined>;
}

/** See `Catalog.resources`. */
export function listResources(
  selector: ResourceSelector,
  services: Services,
  instances: Instances,
  proxies: Proxies,
): Resource[] {
  return groups(selector, services, instances, proxies)
    .map(({ type, namespace, name, pods }) => {
      const meshedPods = [...pods.values()].filter((proxy) => proxy !== undefined).length;
      return { type, namespace, name, pods: pods.size, meshedPods };
    })
    .sort((a, b) => compare(a.type, b.type) || compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

/** See `Catalog.proxiesOf`. */
export function proxiesOf(
  selector: ResourceSelector,
  services: Services,
  instances: Instances,
  proxies: Proxies,
): ConnectedProxy[] {
  const found = new Set<ConnectedProxy>();
  for (const group of groups(selector, services, instances, proxies)) {
    for (const proxy of group.pods.values()) if (proxy) found.add(proxy);
  }
  return [...found];
}

function groups(
  selector: ResourceSelector,
  services: Services,
  instances: Instances,
  proxies: Proxies,
): Group[] {
  const found = new Map<string, Group>();
  const group = (type: string, namespace: string, name: string): Group | undefined => {
    if (!isMeant(selector, type, namespace, name)) return undefined;
    const key = `${type}/${namespace}/${name}`;
    const known = found.get(key) ?? { type, namespace, name, pods: new Map() };
    found.set(key, known);
    return known;
  };
  for (const pod of podsOf(services, instances, proxies)) {
    const { namespace, name, workload, proxy } = pod;
    for (const owner of [
      group("namespace", "", namespace),
      group(workload.kind, namespace, workload.name),
      group("pod", namespace, name),
    ]) {
      owner?.pods.set(`${namespace}/${name}`, proxy);
    }
  }
  for (const service of services.all()) {
    group("namespace", "", service.namespace);
    const owner = group("service", service.namespace, service.name);
    if (!owner) continue;
    for (const member of servicePods(service, instances)) {
      const proxy = proxies.at(formatAddress(member.address));
      const pod = proxy ?? member.instance;
      const key = pod ? `${pod.namespace}/${pod.name}` : formatAddress(member.address);
      owner.pods.set(key, proxy ?? owner.pods.get(key));
    }
  }
  return [...found.values()];
}

const NOT_WORKLOADS = new Set(["namespace", "pod", "service"]);

function isMeant(selector: ResourceSelector, type: string, namespace: string, name: string): boolean {
  if (selector.name !== "" && selector.name !== name) return false;
  if (selector.namespace !== "" && type !== "namespace" && selector.namespace !== namespace) return false;
  if (selector.type === "" || selector.type === "all") return type !== "namespace";
  if (selector.type === "workload") return !NOT_WORKLOADS.has(type);
  return selector.type === type;
}

/** Every known instance once: one that a registry declares and that has a proxy goes by its proxy's names. */
function* podsOf(services: Services, instances: Instances, proxies: Proxies): IterableIterator<Pod> {
  for (const proxy of proxies) yield { ...proxy, proxy };
  for (const instance of instances.all()) {
    if (!proxyOf(instance, services, proxies)) yield { ...instance, proxy: undefined };
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

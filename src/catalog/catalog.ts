import { isDeepStrictEqual } from "node:util";
import { DEFAULT_CLUSTER_DOMAIN } from "./authority.js";
import { LiveDestinations } from "./live-destinations.js";
import { Namespaces } from "./namespaces.js";
import { Nodes } from "./nodes.js";
import {
  listMeshedResources,
  listResources,
  type MeshedResource,
  sidecarsOf,
  type World,
} from "./resources.js";
import { Policies } from "./policies.js";
import { Problems } from "./problems.js";
import { OriginalDestinations } from "./original-destinations.js";
import { Proxies } from "./proxies.js";
import { addressIn } from "./authority.js";
import type { AccountNames } from "./callers.js";
import {
  type EnforcedPermission,
  Permissions,
  type PermissionSubject,
  type PermissionWatch,
} from "./permissions.js";
import { fixedAddresses, Index, Instances, keyOf, Services } from "./registered.js";
import { Sidecars } from "./sidecars.js";
import { Targets, type Target, type TargetListener } from "./targets.js";
import type {
  Asker,
  Instance,
  Node,
  Permission,
  Problem,
  Resource,
  ResourceSelector,
  Service,
  Sidecar,
  SocketAddress,
} from "./model.js";

/**
 * The model of the world in memory. Registries put services and instances in, the discovery server puts connected proxies in;
 * who watches a target is told of what changed for it, and of nothing else.
 */
export class Catalog {
  readonly proxies = new Proxies();
  readonly sidecars = new Sidecars(this.proxies);
  readonly problems = new Problems();
  readonly namespaces = new Namespaces();
  private readonly services = new Services();
  readonly policies = new Policies(this.services);
  private readonly instances = new Instances();
  private readonly nodes = new Nodes();
  private readonly targets: Targets;
  private readonly originalDestinations: OriginalDestinations;
  private readonly instanceWatches = new Index<InstanceListener>();
  private readonly permissions: Permissions;

  /**
   * @param clusterDomain the DNS domain that ends whole names of services: `web.shop.svc.cluster.local`
   * @param accounts as whom workloads are certified; nobody certifies them without
   */
  constructor(clusterDomain = DEFAULT_CLUSTER_DOMAIN, accounts?: AccountNames) {
    const { services, instances, nodes, proxies, sidecars } = this;
    this.permissions = new Permissions({ services, instances, proxies, accounts });
    const live = new LiveDestinations(services, instances, sidecars);
    this.targets = new Targets(services, instances, nodes, live, clusterDomain.toLowerCase());
    this.originalDestinations = new OriginalDestinations(services, instances, nodes, sidecars, this.targets);
  }

  /** Adds a service, or replaces the one of that name. */
  putService(service: Service): void {
    const before = this.services.set(service.namespace, service.name, service);
    if (!isDeepStrictEqual(before, service)) this.serviceChanged(before, service);
  }

  removeService(namespace: string, name: string): void {
    const before = this.services.set(namespace, name, undefined);
    if (before) this.serviceChanged(before, undefined);
  }

  /** Adds an instance, or replaces the one of that name. */
  putInstance(instance: Instance): void {
    const before = this.instances.set(instance.namespace, instance.name, instance);
    if (!isDeepStrictEqual(before, instance)) this.instanceChanged(before, instance);
  }

  removeInstance(namespace: string, name: string): void {
    const before = this.instances.set(namespace, name, undefined);
    if (before) this.instanceChanged(before, undefined);
  }

  /** Adds a node, or replaces the one of that name. */
  putNode(node: Node): void {
    const before = this.nodes.set(node.name, node);
    if (!isDeepStrictEqual(before, node)) this.nodeChanged(node.name, before, node);
  }

  removeNode(name: string): void {
    const before = this.nodes.set(name, undefined);
    if (before) this.nodeChanged(name, before, undefined);
  }

  /** False for a namespace that a registry, which tells of all there are, has not told of. */
  mayBeNamespace(name: string): boolean {
    return this.namespaces.size === 0 || this.namespaces.get(name) !== undefined;
  }

  /** Adds a permission, or replaces the one of that name. */
  putPermission(permission: Permission): void {
    this.permissions.set(permission.namespace, permission.name, permission);
  }

  removePermission(namespace: string, name: string): void {
    this.permissions.set(namespace, name, undefined);
  }

  /** The permissions that select a proxy's instance, by name. */
  permissionsOf(subject: PermissionSubject): EnforcedPermission[] {
    return this.permissions.of(subject);
  }

  /** Follows the permissions that select a proxy's instance. @param changed called when they may have changed */
  watchPermissions(subject: PermissionSubject, changed: () => void): PermissionWatch {
    return this.permissions.watch(subject, changed);
  }

  /** What each of some permissions names that is not known, a sentence each. */
  permissionFindings(permissions: Iterable<Permission>): ReadonlyMap<Permission, readonly string[]> {
    return this.permissions.findings(permissions);
  }

  /** What permissions name that is not known. */
  permissionWarnings(): Problem[] {
    return this.permissions.warnings();
  }

  private nodeChanged(name: string, before: Node | undefined, after: Node | undefined): void {
    if (before?.zone !== after?.zone) this.targets.nodeChanged(name);
    const ips = (node: Node | undefined) => node?.addresses ?? [];
    if (!isDeepStrictEqual(ips(before), ips(after))) {
      this.originalDestinations.changed([...ips(before), ...ips(after)]);
    }
  }

  private serviceChanged(before: Service | undefined, after: Service | undefined): void {
    const { namespace, name } = after ?? before ?? {};
    if (namespace !== undefined && name !== undefined) this.targets.serviceChanged(namespace, name);
    this.permissions.serviceChanged(before, after);
    this.originalDestinations.changed(ipsWithAnotherMeaning(before, after, () => this.nodes.ips()));
  }

  private instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    this.sidecars.instanceChanged(before, after);
    this.targets.instanceChanged(before, after);
    this.permissions.instanceChanged(before, after);
    this.originalDestinations.changed([before, after].flatMap((instance) => instance?.addresses ?? []));
    const { namespace = "", name = "" } = after ?? before ?? {};
    for (const listener of [...this.instanceWatches.get(keyOf(namespace, name))]) listener(after);
  }

  /** Tells of an instance, at once and whenever it changes; undefined while there is none. Returns what ends that. */
  watchInstance(namespace: string, name: string, listener: InstanceListener): () => void {
    const key = keyOf(namespace, name);
    this.instanceWatches.add(key, listener);
    listener(this.instances.get(namespace, name));
    return () => this.instanceWatches.delete(key, listener);
  }

  /**
   * Follows what `authority` (`host` or `host:port`) means to proxies of `namespace`, until the target is stopped.
   * @param instance whose proxy asks, where that is known: from its node, some endpoints of a service may be preferred
   */
  watch(authority: string, namespace: string, listener: TargetListener, instance?: string): Target {
    const address = addressIn(authority);
    const asker: Asker = { namespace, ...(instance !== undefined && { instance }) };
    if (address) return this.originalDestinations.watch(address, listener, asker);
    return this.targets.watch({ authority, asker }, listener);
  }

  /**
   * Follows what an address that an application connects to means: a service's address its endpoints; an endpoint's address
   * that endpoint alone, by a service without a name; any other nothing.
   */
  watchOriginal(address: SocketAddress, listener: TargetListener, asker: Asker = { namespace: "" }): Target {
    return this.originalDestinations.watch(address, listener, asker);
  }

  /** Whether a registry has an instance of this name. */
  hasInstance(namespace: string, name: string): boolean {
    return this.instances.get(namespace, name) !== undefined;
  }

  /** The resources that the selector means, by type, namespace and name. */
  resources(selector: ResourceSelector): Resource[] {
    return listResources(selector, this.world);
  }

  /** The same, each with the sidecars of its pods. */
  meshedResources(selector: ResourceSelector): MeshedResource[] {
    return listMeshedResources(selector, this.world);
  }

  /** The sidecars of the instances that belong to the resources that the selector means. */
  sidecarsOf(selector: ResourceSelector): Sidecar[] {
    return sidecarsOf(selector, this.world);
  }

  /** The name of the node that an instance is on. */
  nodeOf(namespace: string, instance: string): string | undefined {
    return this.instances.get(namespace, instance)?.node;
  }

  private get world(): World {
    const { namespaces, services, instances, proxies, sidecars } = this;
    return { namespaces, services, instances, proxies, sidecars };
  }
}

type InstanceListener = (instance: Instance | undefined) => void;

/** The IP addresses to which a service gives another meaning than it did before. */
function ipsWithAnotherMeaning(
  before: Service | undefined,
  after: Service | undefined,
  nodeIps: () => string[],
): string[] {
  const own = (service: Service | undefined) => service?.addresses ?? [];
  const fixed = (service: Service | undefined) =>
    service ? fixedAddresses(service).map(({ ip }) => ip) : [];
  const hasSamePorts = isDeepStrictEqual(before?.ports, after?.ports);
  const hasNodePorts = [before, after].some((service) => service?.ports.some(({ nodePort }) => nodePort));
  return [
    ...(hasSamePorts && isDeepStrictEqual(own(before), own(after)) ? [] : [...own(before), ...own(after)]),
    ...(hasSamePorts || !hasNodePorts ? [] : nodeIps()),
    ...fixed(before),
    ...fixed(after),
  ];
}

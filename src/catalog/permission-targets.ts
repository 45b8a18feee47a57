import type { PermissionTarget } from "../mesh-kinds/index.js";
import { formatAddress, parseAddress } from "./address.js";
import type { Instance, Labels, Permission, Service } from "./model.js";
import type { PermissionSubject, PermissionWorld } from "./permissions.js";
import { fixedAddresses, matches } from "./registered.js";
import { workloadKey, workloadKeys } from "./workload-names.js";

/** What is known of an instance that permissions may select. */
export interface Selectable {
  readonly subject: PermissionSubject;
  /** As registries declare it: by its name, and where its proxy takes traffic. */
  readonly instances: readonly Instance[];
}

/** A proxy's instance: the one of its name, and any at whose address it takes traffic. */
export function subjectOf(subject: PermissionSubject, { instances }: PermissionWorld): Selectable {
  const found = new Set<Instance>();
  const named = instances.get(subject.namespace, subject.name);
  if (named) found.add(named);
  for (const { address } of subject.inbound) {
    const parsed = parseAddress(address);
    const there = parsed && instances.at(parsed);
    if (there?.namespace === subject.namespace) found.add(there);
  }
  return { subject, instances: [...found] };
}

/** Whether a permission of the instance's namespace is for it. */
export function isSelected(selectable: Selectable, { spec }: Permission, world: PermissionWorld): boolean {
  if (spec.selector) {
    const { matchLabels } = spec.selector;
    return selectable.instances.some((instance) => matches(matchLabels, instance));
  }
  return spec.targetRefs?.some((target) => isMeant(selectable, target, world)) ?? true;
}

/** What of a permission's targets is not known, in words. @param there all that it may select */
export function targetFindings(
  { namespace, spec }: Permission,
  there: readonly Selectable[],
  world: PermissionWorld,
): string[] {
  if (spec.selector) {
    const { matchLabels } = spec.selector;
    const isThere = there.some(({ instances }) => instances.some((one) => matches(matchLabels, one)));
    return isThere ? [] : [`nothing in namespace ${namespace} has the labels ${showLabels(matchLabels)}`];
  }
  if (!spec.targetRefs) return there.length > 0 ? [] : [`nothing is known in namespace ${namespace}`];
  return spec.targetRefs
    .filter((target) => !there.some((selectable) => isMeant(selectable, target, world)))
    .map(({ kind, name }) => `no ${kind} ${name} with an instance is known in namespace ${namespace}`);
}

/**
 * Which of a permission's ports nothing that it selects has, in words. Where connections are redirected nobody knows which ports
 * there are.
 */
export function portFindings(
  permission: Permission,
  there: readonly Selectable[],
  world: PermissionWorld,
): string[] {
  const { ports = [] } = permission.spec;
  if (ports.length === 0) return [];
  const listeners = there
    .filter((selectable) => isSelected(selectable, permission, world))
    .flatMap(({ subject }) => subject.inbound);
  const known = new Set(listeners.map(({ application }) => parseAddress(application)?.port));
  if (known.size === 0 || known.has(undefined)) return [];
  const others = [...known].sort((one = 0, other = 0) => one - other).join(", ");
  return ports
    .filter((port) => !known.has(port))
    .map((port) => `nothing that it is for has the port ${port}; there are ${others}`);
}

/** All that permissions of a namespace may select. */
export function selectablesIn(namespace: string, world: PermissionWorld): Selectable[] {
  const proxies = [...world.proxies].filter((proxy) => proxy.namespace === namespace);
  const instances = [...world.instances.all()].filter((instance) => instance.namespace === namespace);
  return [
    ...proxies.map((proxy) => subjectOf(proxy, world)),
    ...instances.map((instance) => ({ subject: { ...instance, inbound: [] }, instances: [instance] })),
  ];
}

function isMeant(
  { subject, instances }: Selectable,
  { kind, name }: PermissionTarget,
  { services }: PermissionWorld,
): boolean {
  if (kind === "Service") {
    const service = services.get(subject.namespace, name);
    return service !== undefined && isServedBy(service, subject, instances);
  }
  const key = workloadKey(subject.namespace, kind.toLowerCase(), name);
  return [subject, ...instances].some((one) => workloadKeys(one).includes(key));
}

function isServedBy(
  service: Service,
  { inbound }: PermissionSubject,
  instances: readonly Instance[],
): boolean {
  const { endpoints, selects } = service;
  const selector = "selector" in endpoints ? endpoints.selector : selects;
  if (selector && instances.some((instance) => matches(selector, instance))) return true;
  if ("places" in endpoints) {
    const names = new Set(endpoints.places.map(({ instance }) => instance));
    if (instances.some(({ name }) => names.has(name))) return true;
  }
  const fixed = new Set(fixedAddresses(service).map(formatAddress));
  return inbound.some(({ address }) => fixed.has(address));
}

const showLabels = (labels: Labels) =>
  Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");

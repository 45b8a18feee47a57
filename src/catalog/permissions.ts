import { parseAddress } from "./address.js";
import {
  type AccountNames,
  callerFindings,
  callersOf,
  knownIdentities,
  namedCallers,
  type PermittedCaller,
} from "./callers.js";
import type { Instance, Permission, Problem, Service, Sidecar } from "./model.js";
import {
  isSelected,
  portFindings,
  type Selectable,
  selectablesIn,
  subjectOf,
  targetFindings,
} from "./permission-targets.js";
import { findingsIn } from "./problems.js";
import type { Proxies } from "./proxies.js";
import { Index, type Instances, keyOf, type Services } from "./registered.js";
import { type Named, workloadKeys } from "./workload-names.js";

/** A permission as it is enforced: its callers are identities. Never changed in place. */
export interface EnforcedPermission {
  readonly permission: Permission;
  /** One must match; none means anybody. */
  readonly from: readonly PermittedCaller[];
}

/** Whose permissions are asked for: a proxy, and where it takes what others send. */
export type PermissionSubject = Pick<Sidecar, "namespace" | "name" | "workload" | "inbound">;

/** The permissions that select one instance. */
export interface PermissionWatch {
  /** By name. */
  permissions(): EnforcedPermission[];
  /** Ends the watch. */
  stop(): void;
}

/** What permissions are resolved with. */
export interface PermissionWorld {
  readonly services: Services;
  readonly instances: Instances;
  readonly proxies: Proxies;
  /** Undefined where nobody certifies workloads. */
  readonly accounts: AccountNames | undefined;
}

interface Watch {
  readonly subject: PermissionSubject;
  readonly changed: () => void;
}

/** The permissions that registries declared, and who has to be told when what they mean changes. */
export class Permissions {
  readonly #byKey = new Map<string, Permission>();
  readonly #byNamespace = new Index<Permission>();
  /** By the keys of the workloads that they name as callers. */
  readonly #byCaller = new Index<Permission>();
  /** What each means at the moment, as far as it was asked for. */
  readonly #enforced = new Map<Permission, EnforcedPermission>();
  readonly #watches = new Index<Watch>();
  /** By the key of the instance, and by the IP addresses where it takes traffic. */
  readonly #watchesOfInstance = new Index<Watch>();

  constructor(private readonly world: PermissionWorld) {
    const proxyChanged = (proxy: Named) => this.#callerChanged(workloadKeys(proxy));
    world.proxies.on("joined", proxyChanged).on("left", proxyChanged);
  }

  /** Adds a permission, or replaces the one of that name; undefined takes it away. */
  set(namespace: string, name: string, permission: Permission | undefined): void {
    const key = keyOf(namespace, name);
    const before = this.#byKey.get(key);
    if (before) this.#forget(before);
    if (permission) {
      this.#byKey.set(key, permission);
      this.#byNamespace.add(permission.namespace, permission);
      for (const caller of namedCallers(permission)) this.#byCaller.add(caller, permission);
    } else this.#byKey.delete(key);
    this.#wakeNamespace(namespace);
  }

  #forget(permission: Permission): void {
    this.#byNamespace.delete(permission.namespace, permission);
    for (const caller of namedCallers(permission)) this.#byCaller.delete(caller, permission);
    this.#enforced.delete(permission);
  }

  /** @param changed called when the permissions of the subject may have changed; the caller compares */
  watch(subject: PermissionSubject, changed: () => void): PermissionWatch {
    const watch: Watch = { subject, changed };
    const keys = [keyOf(subject.namespace, subject.name), ...ipsOf(subject)];
    this.#watches.add(subject.namespace, watch);
    for (const key of keys) this.#watchesOfInstance.add(key, watch);
    return {
      permissions: () => this.of(subject),
      stop: () => {
        this.#watches.delete(subject.namespace, watch);
        for (const key of keys) this.#watchesOfInstance.delete(key, watch);
      },
    };
  }

  /** The permissions that select an instance, by name. */
  of(subject: PermissionSubject): EnforcedPermission[] {
    const permissions = this.#byNamespace.get(subject.namespace);
    if (permissions.size === 0) return [];
    const selectable = subjectOf(subject, this.world);
    return [...permissions]
      .filter((permission) => isSelected(selectable, permission, this.world))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((permission) => this.#enforce(permission));
  }

  /** What each of some permissions names that is not known, a sentence each. */
  findings(permissions: Iterable<Permission>): Map<Permission, readonly string[]> {
    const there = new Map<string, readonly Selectable[]>();
    const found = new Map<Permission, readonly string[]>();
    let identities: readonly string[] | undefined;
    const known = () => (identities ??= knownIdentities(this.world));
    for (const permission of permissions) {
      const { namespace } = permission;
      const own = there.get(namespace) ?? selectablesIn(namespace, this.world);
      there.set(namespace, own);
      found.set(permission, [
        ...targetFindings(permission, own, this.world),
        ...portFindings(permission, own, this.world),
        ...callerFindings(permission, this.world, known),
      ]);
    }
    return found;
  }

  /** What permissions name that is not known. */
  warnings(): Problem[] {
    return [...this.findings(this.#byKey.values())].flatMap(([permission, findings]) =>
      findingsIn({ kind: "TrafficPermission", ...permission }, findings),
    );
  }

  /** To be called after an instance came, went or changed. */
  instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    const instance = after ?? before;
    if (!instance) return;
    const keys = new Set(
      [before, after].flatMap((one) => (one ? [keyOf(one.namespace, one.name), ...one.addresses] : [])),
    );
    for (const key of keys) for (const { changed } of this.#watchesOfInstance.get(key)) changed();
    if (before && after && isSameCaller(before, after)) return;
    for (const one of [before, after]) {
      if (one) this.#callerChanged(workloadKeys(one));
    }
  }

  /** To be called after a service came, went or changed. */
  serviceChanged(before: Service | undefined, after: Service | undefined): void {
    const service = after ?? before;
    if (!service) return;
    const names = ({ spec }: Permission) =>
      spec.targetRefs?.some(({ kind, name }) => kind === "Service" && name === service.name) === true;
    if ([...this.#byNamespace.get(service.namespace)].some(names)) this.#wakeNamespace(service.namespace);
  }

  /** Looks again who the permissions mean that name one of these as a caller. */
  #callerChanged(keys: readonly string[]): void {
    for (const permission of new Set(keys.flatMap((key) => [...this.#byCaller.get(key)]))) {
      this.#enforced.delete(permission);
      this.#wakeNamespace(permission.namespace);
    }
  }

  #wakeNamespace(namespace: string): void {
    for (const { changed } of this.#watches.get(namespace)) changed();
  }

  #enforce(permission: Permission): EnforcedPermission {
    const known = this.#enforced.get(permission);
    if (known) return known;
    const enforced = { permission, from: callersOf(permission, this.world) };
    this.#enforced.set(permission, enforced);
    return enforced;
  }
}

const isSameCaller = (a: Instance, b: Instance) =>
  a.account === b.account && a.workload.kind === b.workload.kind && a.workload.name === b.workload.name;

const ipsOf = ({ inbound }: PermissionSubject) =>
  new Set(inbound.flatMap(({ address }) => parseAddress(address)?.ip ?? []));

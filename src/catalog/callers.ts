import type { PermissionCaller, WorkloadName } from "../mesh-kinds/index.js";
import type { Permission } from "./model.js";
import type { PermissionWorld } from "./permissions.js";
import { type Named, workloadKey, workloadKeys } from "./workload-names.js";

/** As whom workloads are certified. */
export interface AccountNames {
  /** The name in the certificates of an account (its SPIFFE ID). */
  readonly identityOf: (account: { readonly namespace: string; readonly name: string }) => string;
  /** True where a workload's account has the workload's name (outside Kubernetes), so that it is known before the workload is. */
  readonly namedAsWorkloads: boolean;
}

/** Who calls, as a proxy can tell: all that is there must hold, and of each one item. */
export interface PermittedCaller {
  /** Names in certificates; a `*` at the end stands for the rest. */
  readonly identities: readonly string[];
  readonly namespaces: readonly string[];
  readonly cidrs: readonly string[];
  readonly unauthenticated?: boolean;
  /** Nobody: it names workloads of which none has a known identity. */
  readonly nobody: boolean;
}

/** The callers of a permission, with identities in the place of workloads. */
export const callersOf = (permission: Permission, world: PermissionWorld): PermittedCaller[] =>
  (permission.spec.from ?? []).map((caller) => callerOf(caller, permission, world));

function callerOf(
  { identities, namespaces = [], workloads, cidrs = [], unauthenticated }: PermissionCaller,
  { namespace }: Permission,
  world: PermissionWorld,
): PermittedCaller {
  const resolved = workloads && [
    ...new Set(workloads.flatMap((workload) => identitiesOf(workload, namespace, world))),
  ];
  const meant =
    resolved && identities
      ? resolved.filter((identity) => identities.some((pattern) => isLike(identity, pattern)))
      : (resolved ?? identities ?? []);
  return {
    identities: [...meant].sort(),
    namespaces: [...namespaces],
    cidrs: [...cidrs],
    ...(unauthenticated !== undefined && { unauthenticated }),
    nobody: workloads !== undefined && meant.length === 0,
  };
}

/** What of a permission's callers is not known, in words. @param known the names in all certificates that callers may have */
export function callerFindings(
  permission: Permission,
  world: PermissionWorld,
  known: () => readonly string[],
): string[] {
  const { from = [] } = permission.spec;
  if (!world.accounts) {
    const byName = from.some((caller) => caller.identities ?? caller.namespaces ?? caller.workloads);
    return byName
      ? ["it names callers that have to prove who they are, and there is no certificate authority"]
      : [];
  }
  const { identityOf } = world.accounts;
  return from.flatMap(({ identities = [], workloads = [], namespaces = [] }) => [
    ...identities.flatMap((identity) => identityFinding(identity, identityOf, known) ?? []),
    ...workloads.flatMap((workload) => workloadFinding(workload, permission.namespace, world) ?? []),
    ...namespaces
      .filter((namespace) => !hasInstances(namespace, world))
      .map((namespace) => `nothing is known in namespace ${namespace}, of which callers are to be`),
  ]);
}

/** The names in the certificates of everything that is known. */
export function knownIdentities({ accounts, instances, proxies }: PermissionWorld): string[] {
  if (!accounts) return [];
  const { identityOf, namedAsWorkloads } = accounts;
  const ofInstances = [...instances.all()].flatMap(({ namespace, account, workload }) => {
    const name = account ?? (namedAsWorkloads ? workload.name : undefined);
    return name === undefined ? [] : [identityOf({ namespace, name })];
  });
  const ofProxies = [...proxies].map(
    ({ identity, namespace, workload }) => identity ?? identityOf({ namespace, name: workload.name }),
  );
  return [...new Set([...ofInstances, ...(namedAsWorkloads ? ofProxies : [])])];
}

function identityFinding(
  identity: string,
  identityOf: AccountNames["identityOf"],
  known: () => readonly string[],
): string | undefined {
  const own = trustDomainOf(identityOf({ namespace: "any", name: "any" }));
  if (trustDomainOf(identity) !== own)
    return `${identity} is not of the mesh's trust domain ${own}: as a caller it is nobody`;
  if (known().some((one) => isLike(one, identity))) return undefined;
  return `nothing is known that has the identity ${identity}, of which callers are to be`;
}

const trustDomainOf = (identity: string): string => /^spiffe:\/\/([^/*]*)/.exec(identity)?.[1] ?? "";

function workloadFinding(
  workload: WorkloadName,
  permissionNamespace: string,
  world: PermissionWorld,
): string | undefined {
  const { namespace = permissionNamespace, kind, name } = workload;
  if (!isKnown(workload, permissionNamespace, world))
    return `no ${kind} ${name} is known in namespace ${namespace}, of which callers are to be`;
  if (identitiesOf(workload, permissionNamespace, world).length > 0) return undefined;
  return `nothing of ${kind} ${name} in namespace ${namespace} can prove who it is: as a caller it is nobody`;
}

/** The keys of the workloads that a permission names as callers. */
export function namedCallers({ namespace, spec }: Permission): Set<string> {
  const named = (spec.from ?? []).flatMap(({ workloads = [] }) => workloads);
  return new Set(named.map((workload) => keyOfCaller(workload, namespace)));
}

const keyOfCaller = ({ namespace: own, kind, name }: WorkloadName, namespace: string) =>
  workloadKey(own ?? namespace, kind.toLowerCase(), name);

/** As whom the instances of a workload are certified. Several workloads may share an account. */
function identitiesOf(
  { namespace: own, kind: written, name }: WorkloadName,
  permissionNamespace: string,
  { accounts, instances, proxies }: PermissionWorld,
): string[] {
  if (!accounts) return [];
  const namespace = own ?? permissionNamespace;
  const kind = written.toLowerCase();
  const names = new Set<string>();
  for (const instance of instances.named(namespace, kind, name)) {
    if (instance.account !== undefined) names.add(instance.account);
    else if (accounts.namedAsWorkloads) names.add(instance.workload.name);
  }
  if (accounts.namedAsWorkloads) {
    const proxy = proxies.get(namespace, name);
    if (proxy && (kind === "pod" || kind === "workload")) names.add(proxy.workload.name);
    if (names.size === 0 && kind !== "pod") names.add(name);
  }
  return [...names].map((account) => accounts.identityOf({ namespace, name: account }));
}

function isKnown(caller: WorkloadName, namespace: string, { instances, proxies }: PermissionWorld): boolean {
  const key = keyOfCaller(caller, namespace);
  const isIt = (one: Named) => workloadKeys(one).includes(key);
  return (
    instances.named(caller.namespace ?? namespace, caller.kind.toLowerCase(), caller.name).length > 0 ||
    [...proxies].some(isIt)
  );
}

function hasInstances(namespace: string, { instances, proxies }: PermissionWorld): boolean {
  const isThere = (one: Named) => one.namespace === namespace;
  return [...proxies].some(isThere) || [...instances.all()].some(isThere);
}

/** Whether an identity fits a pattern: the same, or beginning with it where it ends in `*`. */
const isLike = (identity: string, pattern: string) =>
  pattern.endsWith("*") ? identity.startsWith(pattern.slice(0, -1)) : identity === pattern;

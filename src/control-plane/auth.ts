import type { AuthHandlers } from "../../generated/mesh/api/v1/Auth.js";
import type { AuthRequest__Output } from "../../generated/mesh/api/v1/AuthRequest.js";
import type { AuthResponse } from "../../generated/mesh/api/v1/AuthResponse.js";
import type { Decision as DecisionMessage } from "../../generated/mesh/api/v1/Decision.js";
import type { ResourceAuth } from "../../generated/mesh/api/v1/ResourceAuth.js";
import type { ResourcePermission } from "../../generated/mesh/api/v1/ResourcePermission.js";
import {
  type Catalog,
  type EnforcedPermission,
  Index,
  type MeshedResource,
  type Permission,
  type Resource,
  type ResourceSelector,
  type Sidecar,
} from "../catalog/index.js";
import type { PermissionCaller } from "../mesh-kinds/index.js";
import type { Decision, TrafficSource } from "../metrics/index.js";
import { loadApi } from "../proto/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GrpcService } from "./grpc-service.js";
import { asMessage, defaultActionIn, type DefaultPermission } from "./inbound-policy.js";
import {
  absenceOf,
  invalid,
  missingNamespace,
  readSelector,
  readWindow,
  type Refusal,
  unanswerable,
} from "./selector.js";

// Counts of the window's edges are fractions; less than this is none.
const LEAST = 0.5;

/** mesh.api.v1.Auth: who may call the selected resources, and who did or was refused. */
export function authService(
  catalog: Catalog,
  source: TrafficSource,
  defaultPermission: DefaultPermission,
): GrpcService {
  const implementation: AuthHandlers = {
    Get(call, respond) {
      answer(call.request, { catalog, source, defaultPermission }).then(
        (answered) => (answered.ok ? respond(null, answered.value) : respond(answered.error)),
        (error: unknown) => respond(error instanceof Error ? error : new Error(String(error))),
      );
    },
  };
  return { definition: loadApi().mesh.api.v1.Auth.service, implementation };
}

interface AuthContext {
  readonly catalog: Catalog;
  readonly source: TrafficSource;
  readonly defaultPermission: DefaultPermission;
}

async function answer(
  request: AuthRequest__Output,
  { catalog, source, defaultPermission }: AuthContext,
): Promise<Result<AuthResponse, Refusal>> {
  const selected = select(request, catalog);
  if (!selected.ok) return selected;
  const { selector, windowSeconds, resources } = selected.value;
  const namespace = selector.type === "namespace" ? selector.name : selector.namespace;
  const answered = await source.decisions({ namespace, windowSeconds });
  if (!answered.ok) return fail(unanswerable(answered.error.reason, answered.error.hint));
  const { notes, keeper } = answered.value;
  const decisions = new Index<Decision>();
  for (const decision of answered.value.decisions) decisions.add(decision.namespace, decision);
  const held = resources.map((meshed) => ({
    ...meshed,
    permissions: permissionsOf(meshed.sidecars, catalog),
  }));
  const findings = catalog.permissionFindings(
    new Set(held.flatMap(({ permissions }) => permissions.map(({ enforced: { permission } }) => permission))),
  );
  const found = held.map(({ resource, sidecars, permissions }): ResourceAuth => {
    const there = [...decisions.get(namespaceOf(resource))];
    return {
      resource,
      permissions: permissions.map((one) => told(one, findings)),
      defaultAction: defaultActionIn(namespaceOf(resource), defaultPermission),
      decisions: summed(there.filter((decision) => concerns(decision, resource, sidecars))),
    };
  });
  return ok({ resources: found, notes: [...notes, ...unenforced(resources)], keeper });
}

/** What a request means, if there is such a thing. */
function select({ selector: message, window }: AuthRequest__Output, catalog: Catalog) {
  const selector = readSelector(message);
  if (!selector.ok) return selector;
  const windowSeconds = readWindow(window);
  if (!windowSeconds.ok) return windowSeconds;
  if (selector.value.type === "node") {
    return fail(invalid("a node is not called", "the pods on it: pod/NAME"));
  }
  const nowhere = missingNamespace(catalog, selector.value);
  if (nowhere) return fail(nowhere);
  const resources = catalog.meshedResources(selector.value);
  if (resources.length > 0)
    return ok({ selector: selector.value, windowSeconds: windowSeconds.value, resources });
  const { what, hint } = absenceOf(catalog, selector.value);
  return fail({ ...unanswerable(what, hint) });
}

const namespaceOf = ({ type, namespace, name }: ResourceSelector) =>
  type === "namespace" ? name : namespace;

/** A permission of a resource, and how many of its pods it selects. */
interface HeldTo {
  readonly enforced: EnforcedPermission;
  readonly pods: number;
}

/** The permissions of any of a resource's pods, by name. */
function permissionsOf(sidecars: readonly Sidecar[], catalog: Catalog): HeldTo[] {
  const pods = new Map<EnforcedPermission, number>();
  for (const enforced of sidecars.flatMap((sidecar) => catalog.permissionsOf(sidecar))) {
    pods.set(enforced, (pods.get(enforced) ?? 0) + 1);
  }
  const name = ({ enforced: { permission } }: HeldTo) => `${permission.namespace}/${permission.name}`;
  return [...pods]
    .map(([enforced, count]) => ({ enforced, pods: count }))
    .sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

function told(
  { enforced, pods }: HeldTo,
  findings: ReadonlyMap<Permission, readonly string[]>,
): ResourcePermission {
  const { permission } = enforced;
  return {
    permission: asMessage(enforced),
    callers: (permission.spec.from ?? []).map((caller) => inWords(caller, permission)),
    pods,
    warnings: [...(findings.get(permission) ?? [])],
  };
}

/** Who calls, as it is written: all of it must hold. */
function inWords(
  { identities = [], namespaces = [], workloads = [], cidrs = [], unauthenticated }: PermissionCaller,
  { namespace: own }: Permission,
): string {
  const named = workloads.map(({ namespace = own, kind, name }) => {
    return `${kind.toLowerCase()}/${name}${namespace === own ? "" : ` of ${namespace}`}`;
  });
  const parts = [
    named.join(" or "),
    identities.join(" or "),
    namespaces.length === 0 ? "" : `namespace ${namespaces.join(" or ")}`,
    unauthenticated === undefined ? "" : unauthenticated ? "unauthenticated" : "authenticated",
    cidrs.length === 0 ? "" : `from ${cidrs.join(" or ")}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** Whether something was decided by a proxy of the resource; it was in its namespace. */
function concerns(decision: Decision, { type, name }: Resource, sidecars: readonly Sidecar[]) {
  if (type === "namespace") return true;
  if (type === "pod") return decision.pod === name;
  if (type === "service") return sidecars.some((sidecar) => sidecar.name === decision.pod);
  return decision.workload.kind === type && decision.workload.name === name;
}

const ACTIONS = { allow: "ALLOW", deny: "DENY", audit: "AUDIT" } as const;

/** What was decided by all proxies together, the most frequent first. */
function summed(decisions: readonly Decision[]): DecisionMessage[] {
  const sums = new Map<string, Required<DecisionMessage> & { count: number }>();
  for (const { clientIdentity, permission, action: word, count } of decisions) {
    const action =
      word in ACTIONS ? ACTIONS[word as keyof typeof ACTIONS] : ("PERMISSION_ACTION_UNSPECIFIED" as const);
    const key = [clientIdentity, permission, action].join("\0");
    const sum = sums.get(key) ?? { clientIdentity, permission, action, count: 0 };
    sum.count += count;
    sums.set(key, sum);
  }
  return [...sums.values()].filter(({ count }) => count >= LEAST).sort((a, b) => b.count - a.count);
}

/** Who is to know that permissions do not hold for all that was selected. */
function unenforced(resources: readonly MeshedResource[]): string[] {
  return resources
    .map(({ resource }) => resource)
    .filter(({ pods, meshedPods }) => meshedPods < pods)
    .map(({ type, name, pods, meshedPods }) => {
      const which = meshedPods === 0 ? "no pod" : `${pods - meshedPods} of ${pods} pods`;
      const has = meshedPods === 0 ? "has a sidecar" : "have no sidecar";
      return `${which} of ${type}/${name} ${has}: nothing holds callers of ${meshedPods === 0 ? "it" : "those"} to permissions`;
    });
}

import type { AuthResponse__Output } from "../../generated/mesh/api/v1/AuthResponse.js";
import type { ResourceAuth__Output } from "../../generated/mesh/api/v1/ResourceAuth.js";
import type { Caller__Output } from "../../generated/mesh/proxy/v1/Caller.js";
import type { JsonObject } from "../manifest/index.js";
import { resourceAsJson } from "../resource-type/index.js";

/** What `mesh auth -o json` and `-o yaml` print; the fields are described in docs/permissions.md. */
export const authAsJson = (
  { resources, notes, keeper }: AuthResponse__Output,
  windowSeconds: number,
): JsonObject => ({
  window_seconds: windowSeconds,
  keeper,
  notes,
  resources: resources.map(authOfResource),
});

function authOfResource({
  resource,
  permissions,
  defaultAction,
  decisions,
}: ResourceAuth__Output): JsonObject {
  return {
    ...resourceAsJson(resource),
    default_action: defaultAction,
    permissions: permissions.map(({ permission, callers, pods, warnings }) => ({
      name: `${permission?.namespace ?? ""}/${permission?.name ?? ""}`,
      action: permission?.action ?? "",
      pods,
      ports: permission?.ports ?? [],
      http: (permission?.http ?? []).map(({ methods, pathPrefix }) => ({
        methods,
        path_prefix: pathPrefix,
      })),
      from: (permission?.from ?? []).map((caller, index) => callerAsJson(caller, callers[index] ?? "")),
      warnings,
    })),
    decisions: decisions.map(({ clientIdentity, permission, action, count }) => ({
      client_identity: clientIdentity,
      permission,
      action,
      count,
    })),
  };
}

const callerAsJson = (caller: Caller__Output, words: string): JsonObject => ({
  caller: words,
  identities: caller.identities,
  namespaces: caller.namespaces,
  cidrs: caller.cidrs,
  unauthenticated: caller.unauthenticated ?? null,
  nobody: caller.nobody,
});

import { isDeepStrictEqual } from "node:util";
import type { DiscoverResponse } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { Permission as PermissionMessage } from "../../generated/mesh/proxy/v1/Permission.js";
import type { Catalog, EnforcedPermission, PermissionSubject, PermissionWatch } from "../catalog/index.js";
import { NAMESPACE } from "../installed-names/index.js";

/** What becomes of what no permission is for. */
export type DefaultPermission = "allow" | "deny";

/** The default for the instances of a namespace: what the mesh itself runs on has to be reached to tell anybody of anything. */
export const defaultActionIn = (namespace: string, mesh: DefaultPermission): "ALLOW" | "DENY" =>
  mesh === "deny" && namespace !== NAMESPACE ? "DENY" : "ALLOW";

/** What one proxy has yet to be told of who may call its workload: all of it, when anything of it is new. */
export class InboundPolicy {
  readonly #watch: PermissionWatch;
  readonly #defaultAction: "ALLOW" | "DENY";
  #told: readonly EnforcedPermission[] | undefined;

  constructor(catalog: Catalog, subject: PermissionSubject, mesh: DefaultPermission, wake: () => void) {
    this.#watch = catalog.watchPermissions(subject, wake);
    this.#defaultAction = defaultActionIn(subject.namespace, mesh);
  }

  /** The message that is due; undefined when the proxy knows everything. */
  take(): DiscoverResponse | undefined {
    const permissions = this.#watch.permissions();
    if (this.#told && isDeepStrictEqual(this.#told, permissions)) return undefined;
    this.#told = permissions;
    const inboundPolicy = {
      permissions: permissions.map(asMessage),
      defaultAction: this.#defaultAction,
    };
    return { inboundPolicy };
  }

  stop(): void {
    this.#watch.stop();
  }
}

/** A permission as proxies are told of it. */
export function asMessage({ permission, from }: EnforcedPermission): PermissionMessage {
  const { namespace, name, spec } = permission;
  return {
    namespace,
    name,
    action: spec.action,
    ports: [...(spec.ports ?? [])],
    http: (spec.http ?? []).map(({ methods = [], pathPrefix = "" }) => ({
      methods: [...methods],
      pathPrefix,
    })),
    from: from.map(({ identities, namespaces, cidrs, ...caller }) => ({
      identities: [...identities],
      namespaces: [...namespaces],
      cidrs: [...cidrs],
      ...caller,
    })),
  };
}

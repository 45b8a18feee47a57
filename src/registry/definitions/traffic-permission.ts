import type { TrafficPermissionSpec } from "../../mesh-kinds/index.js";
import type { Definition, PermissionSink, ResourceName } from "./definition.js";

/** Defines a permission that is without mistakes. */
export function permissionDefinition(
  resource: ResourceName,
  spec: TrafficPermissionSpec,
): Definition<PermissionSink> {
  const { namespace, name, line } = resource;
  return {
    ...resource,
    hosts: new Map(),
    put: (sink, _, source) => sink.putPermission({ namespace, name, spec, origin: { source, line } }),
    remove: (sink) => sink.removePermission(namespace, name),
  };
}

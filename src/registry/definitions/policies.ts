import type { ServicePolicySpec } from "../../mesh-kinds/index.js";
import type { Definition, PolicySink, ResourceName } from "./definition.js";

/** Defines a policy for services that is without mistakes. */
export function servicePolicyDefinition(
  resource: ResourceName,
  { targetRefs }: ServicePolicySpec,
): Definition<PolicySink> {
  const { namespace, name, line } = resource;
  const targets = targetRefs.map((target) => ({ kind: target.kind, name: target.name }));
  return {
    ...resource,
    hosts: new Map(),
    put: ({ policies }, _, source) =>
      policies.putServicePolicy({ namespace, name, targets, origin: { source, line } }),
    remove: ({ policies }) => policies.removeServicePolicy(namespace, name),
  };
}

/** Defines a service outside of the mesh that is without mistakes. */
export function externalServiceDefinition(resource: ResourceName): Definition<PolicySink> {
  const { namespace, name } = resource;
  return {
    ...resource,
    hosts: new Map(),
    put: ({ policies }) => policies.putExternalService({ namespace, name }),
    remove: ({ policies }) => policies.removeExternalService(namespace, name),
  };
}

import type { KubernetesObject } from "../../kubernetes/index.js";
import type { JsonObject } from "../../manifest/index.js";
import { mistakesIn } from "../../mesh-kinds/index.js";
import {
  type Definition,
  definitionKey,
  externalServiceDefinition,
  type MeshKind,
  permissionDefinition,
  type ResourceName,
  servicePolicyDefinition,
  type SourceContent,
  workloadDefinition,
} from "../definitions/index.js";
import type { ExternalService, ServicePolicy, TrafficPermission, Workload } from "./kinds.js";

export const readServicePolicy = (object: ServicePolicy) =>
  contentOf("ServicePolicy", object, (resource) => servicePolicyDefinition(resource, object.spec));

export const readExternalService = (object: ExternalService) =>
  contentOf("ExternalService", object, externalServiceDefinition);

export const readTrafficPermission = (object: TrafficPermission) =>
  contentOf("TrafficPermission", object, (resource) => permissionDefinition(resource, object.spec));

export const readWorkload = (object: Workload) =>
  contentOf("Workload", object, (resource) => {
    const { metadata, spec } = object;
    return workloadDefinition(resource, { labels: metadata.labels ?? {}, spec, addressLine: 0 });
  });

/** What an object of a kind of the mesh defines; nothing when it says what it cannot mean, where its schema let that pass. */
function contentOf<Into>(
  kind: MeshKind,
  { metadata: { namespace = "", name }, spec }: KubernetesObject & { readonly spec: object },
  define: (resource: ResourceName) => Definition<Into>,
): SourceContent<Into> {
  const key = definitionKey(kind, namespace, name);
  const mistakes = mistakesIn(kind, spec as JsonObject).map(({ field, message }) => {
    return { key, line: 0, message: `${field}: ${message}` };
  });
  return { definitions: mistakes.length === 0 ? [define({ key, namespace, name, line: 0 })] : [], mistakes };
}

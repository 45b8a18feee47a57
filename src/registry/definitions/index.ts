// What registries read of services, workloads, permissions and policies, from whatever source: which definition counts, and where its hosts are.
export {
  type Definition,
  definitionKey,
  type DefinitionMistake,
  type InstanceSink,
  type MeshKind,
  type ResourceName,
  secondDefinition,
  type SourceContent,
} from "./definition.js";
export { Definitions } from "./definitions.js";
export { externalServiceDefinition, servicePolicyDefinition } from "./policies.js";
export { permissionDefinition } from "./traffic-permission.js";
export { workloadDefinition } from "./workload.js";

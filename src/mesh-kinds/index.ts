// The mesh's own kinds of resources (group mesh.dev): what they say, and what they cannot mean.
import type { JsonObject } from "../manifest/index.js";
import { externalService } from "./external-service.js";
import type { FieldMistake, KindRule } from "./mistake.js";
import { servicePolicy } from "./service-policy.js";
import { trafficPermission } from "./traffic-permission.js";
import { workload } from "./workload.js";

export { isEndpointIp } from "./address.js";
export { misfits } from "./misfit.js";
export type { FieldMistake } from "./mistake.js";
export type { PolicyTarget, ServicePolicySpec } from "./policy-spec.js";
export { schemaOf, type Schema } from "./schema.js";
export type {
  PermissionCaller,
  PermissionTarget,
  TrafficPermissionSpec,
  WorkloadName,
} from "./traffic-permission-spec.js";
export { describeWithoutEffect, type NamedResource } from "./without-effect.js";
export type { WorkloadSpec } from "./workload-spec.js";

const RULES: Readonly<Record<string, KindRule>> = {
  ExternalService: externalService,
  ServicePolicy: servicePolicy,
  TrafficPermission: trafficPermission,
  Workload: workload,
};

/** What a resource of the mesh says and cannot mean, where the schema of its kind lets it pass. Fields may be missing. */
export const mistakesIn = (kind: string, spec: JsonObject): FieldMistake[] => RULES[kind]?.(spec) ?? [];

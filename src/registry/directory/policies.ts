import type { ServicePolicySpec } from "../../mesh-kinds/index.js";
import {
  type Definition,
  externalServiceDefinition,
  type ResourceName,
  servicePolicyDefinition,
} from "../definitions/index.js";
import type { Fields } from "./fields.js";
import { readSpec } from "./spec.js";

/** Reads a ServicePolicy. */
export function readServicePolicy(document: Fields, resource: ResourceName): Definition | undefined {
  const spec = readSpec(document, "ServicePolicy");
  // It fits the schema of which the type tells.
  return spec && servicePolicyDefinition(resource, spec as unknown as ServicePolicySpec);
}

/** Reads an ExternalService. */
export const readExternalService = (document: Fields, resource: ResourceName): Definition | undefined =>
  readSpec(document, "ExternalService") && externalServiceDefinition(resource);

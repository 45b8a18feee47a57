import type { TrafficPermissionSpec } from "../../mesh-kinds/index.js";
import { type Definition, permissionDefinition, type ResourceName } from "../definitions/index.js";
import type { Fields } from "./fields.js";
import { readSpec } from "./spec.js";

/** Reads a TrafficPermission. */
export function readTrafficPermission(document: Fields, resource: ResourceName): Definition | undefined {
  const spec = readSpec(document, "TrafficPermission");
  // It fits the schema of which the type tells.
  return spec && permissionDefinition(resource, spec as unknown as TrafficPermissionSpec);
}

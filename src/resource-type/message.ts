import type { Resource__Output } from "../../generated/mesh/api/v1/Resource.js";
import type { JsonObject } from "../manifest/index.js";
import type { ResourceReference } from "./index.js";

/** What is asked for over the wire. @param namespace undefined for every one */
export const selectorOf = ({ type, name = "" }: ResourceReference, namespace = "") => ({
  type,
  name,
  namespace,
});

/** What commands print in JSON and YAML of a resource, beside what they were asked. */
export const resourceAsJson = (resource: Resource__Output | null): JsonObject => ({
  type: resource?.type ?? "",
  namespace: resource?.namespace ?? "",
  name: resource?.name ?? "",
  pods: resource?.pods ?? 0,
  meshed_pods: resource?.meshedPods ?? 0,
});

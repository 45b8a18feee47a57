// What resources of the mesh say and cannot mean, by kind, where the schemas of the kinds let it pass.
import { isObject, type Json } from "../../manifest/index.js";
import type { AdmissionAnswer } from "../admission.js";
import { externalService } from "./external-service.js";
import type { KindRule } from "./mistake.js";
import { servicePolicy } from "./service-policy.js";
import { trafficPermission } from "./traffic-permission.js";
import { workload } from "./workload.js";

const RULES: Readonly<Record<string, KindRule>> = {
  ExternalService: externalService,
  ServicePolicy: servicePolicy,
  TrafficPermission: trafficPermission,
  Workload: workload,
};

/** Refuses a resource of the mesh that means nothing, naming every field that is wrong. */
export function validateResource(object: Json): AdmissionAnswer {
  if (!isObject(object) || typeof object["kind"] !== "string" || !isObject(object["spec"])) {
    return { allowed: true };
  }
  const mistakes = RULES[object["kind"]]?.(object["spec"]) ?? [];
  if (mistakes.length === 0) return { allowed: true };
  return { allowed: false, message: mistakes.map(({ field, message }) => `${field}: ${message}`).join("; ") };
}

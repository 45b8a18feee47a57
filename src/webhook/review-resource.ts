import { isObject, type Json } from "../manifest/index.js";
import { mistakesIn } from "../mesh-kinds/index.js";
import type { AdmissionAnswer } from "./admission.js";

/** Refuses a resource of the mesh that means nothing, naming every field that is wrong. */
export function validateResource(object: Json): AdmissionAnswer {
  if (!isObject(object) || typeof object["kind"] !== "string" || !isObject(object["spec"])) {
    return { allowed: true };
  }
  const mistakes = mistakesIn(object["kind"], object["spec"]);
  if (mistakes.length === 0) return { allowed: true };
  return { allowed: false, message: mistakes.map(({ field, message }) => `${field}: ${message}`).join("; ") };
}

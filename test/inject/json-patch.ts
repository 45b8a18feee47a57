import type { PatchOperation } from "../../src/inject/index.js";
import type { Json } from "../../src/manifest/index.js";

/** Applies a JSON Patch to a copy. */
export function patched(object: Json, patch: readonly PatchOperation[]): Json {
  const root = { "": structuredClone(object) as unknown };
  for (const operation of patch) {
    const steps = operation.path.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const key = steps.pop() ?? "";
    const holder = steps.reduce<unknown>((found, step) => (found as Record<string, unknown>)[step], root);
    if (operation.op === "remove") throw new Error("nothing is to be removed from what has no sidecar");
    if (Array.isArray(holder)) holder.splice(key === "-" ? holder.length : Number(key), 0, operation.value);
    else (holder as Record<string, unknown>)[key] = operation.value;
  }
  return root[""] as Json;
}

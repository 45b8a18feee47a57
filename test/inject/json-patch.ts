import { expect } from "vitest";
import type { PatchOperation } from "../../src/inject/index.js";
import type { Json } from "../../src/manifest/index.js";

/** Applies a JSON Patch as RFC 6902 says, strictly. */
export function patched(document: Json, patch: readonly PatchOperation[]): Json {
  const result = { root: structuredClone(document) as unknown };
  for (const step of patch) {
    const path = ["root", ...step.path.split("/").slice(1)].map((part) =>
      part.replaceAll("~1", "/").replaceAll("~0", "~"),
    );
    const key = path.pop() ?? "";
    let holder: unknown = result;
    for (const part of path) {
      expect(holder).toHaveProperty([part]);
      holder = (holder as Record<string, unknown>)[part];
    }
    if (Array.isArray(holder)) {
      const index = key === "-" ? holder.length : Number(key);
      expect(index).toBeLessThanOrEqual(step.op === "add" ? holder.length : holder.length - 1);
      if (step.op === "add") holder.splice(index, 0, step.value);
      else holder.splice(index, 1);
    } else if (step.op === "add") {
      expect(holder).toBeTypeOf("object");
      (holder as Record<string, unknown>)[key] = step.value;
    } else {
      expect(holder).toHaveProperty([key]);
      Reflect.deleteProperty(holder as object, key);
    }
  }
  return result.root as Json;
}

// Pods, and what becomes of them by a plan.
import { expect } from "vitest";
import {
  asJsonPatch,
  flagLayer,
  type Given,
  KNOWN_KINDS,
  plan,
  type PlanContext,
} from "../../src/inject/index.js";
import { type Json, type JsonObject, valueAt } from "../../src/manifest/index.js";
import { patched } from "./json-patch.js";

export const context = (given: Given = {}, more: Partial<PlanContext> = {}): PlanContext => ({
  kinds: KNOWN_KINDS,
  layers: [flagLayer(given)],
  version: "1.2.3",
  injectedBy: "a test",
  ...more,
});

export const container = (more: object = {}) => ({ name: "web", image: "web:1", ...more });

export function pod(spec: object = {}, metadata: object = {}): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", ...metadata },
    spec: { containers: [container()], ...spec },
  };
}

export function injected(object: Json, given: Given = {}, more: Partial<PlanContext> = {}): Json {
  const planned = plan(object, context(given, more));
  expect(planned.outcome).toBe("injected");
  return patched(object, asJsonPatch(object, planned));
}

export const names = (object: Json, ...path: string[]) =>
  ((valueAt(object, path) ?? []) as JsonObject[]).map(({ name }) => name);

export const find = (object: Json, list: string, name: string) =>
  (valueAt(object, ["spec", list]) as JsonObject[]).find((item) => item["name"] === name) as Record<
    string,
    Json
  >;

export function environment(object: Json, list = "initContainers"): Record<string, Json> {
  const variables = find(object, list, "mesh-proxy")["env"] as JsonObject[];
  return Object.fromEntries(
    variables.map((one) => [one["name"] as string, one["value"] ?? one["valueFrom"] ?? null]),
  );
}

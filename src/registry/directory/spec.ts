import { isObject, type Json, type JsonObject, plainOf, type Value } from "../../manifest/index.js";
import { misfits, mistakesIn, schemaOf } from "../../mesh-kinds/index.js";
import type { MeshKind } from "../definitions/index.js";
import type { Fields } from "./fields.js";

const PLURALS = {
  ExternalService: "externalservices",
  ServicePolicy: "servicepolicies",
  TrafficPermission: "trafficpermissions",
} as const satisfies Partial<Record<MeshKind, string>>;

/** Reads what a resource of the mesh says, held to the schema and the rules that it is held to on Kubernetes; undefined when it breaks one. */
export function readSpec(document: Fields, kind: keyof typeof PLURALS): JsonObject | undefined {
  document.only("apiVersion", "kind", "metadata", "spec");
  const schema = schemaOf(PLURALS[kind]).properties?.["spec"];
  const value = document.any("spec", `a map with ${schema?.required?.join(", ") ?? "fields"}`);
  if (!value || !schema) return undefined;
  const wrong = misfits(value, schema, "spec");
  for (const mistake of wrong) document.note(mistake);
  const spec = withoutNothing(plainOf(value));
  if (wrong.length > 0 || !isObject(spec)) return undefined;
  const meaningless = mistakesIn(kind, spec);
  for (const { field, message } of meaningless) {
    document.note({ line: lineOf(value, field), message: `${field}: ${message}` });
  }
  return meaningless.length > 0 ? undefined : spec;
}

/** A field that is there and empty says nothing. */
const withoutNothing = (value: Json): Json =>
  JSON.parse(JSON.stringify(value, (_, inner: unknown) => inner ?? undefined)) as Json;

/** Where a field stands, or what it should be in. @param field `spec.from[0].cidrs[1]`, below the value of `spec` */
function lineOf(spec: Value, field: string): number {
  let found = spec;
  for (const [step] of field.slice("spec".length).matchAll(/\w+/g)) {
    const inner =
      found.kind === "map"
        ? found.entries.get(step)
        : found.kind === "list"
          ? found.items[Number(step)]
          : undefined;
    if (!inner) break;
    found = inner;
  }
  return found.line;
}

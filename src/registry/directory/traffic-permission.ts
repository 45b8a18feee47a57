import { isObject, type Json, plainOf, type Value } from "../../manifest/index.js";
import { misfits, mistakesIn, schemaOf, type TrafficPermissionSpec } from "../../mesh-kinds/index.js";
import type { Definition } from "./definition.js";
import type { Fields } from "./fields.js";
import type { Identity } from "./resource-file.js";

/** Reads a TrafficPermission, held to the schema and the rules that it is held to on Kubernetes. */
export function readTrafficPermission(document: Fields, identity: Identity): Definition | undefined {
  const { namespace, name, line } = identity;
  document.only("apiVersion", "kind", "metadata", "spec");
  const value = document.any("spec", "a map with action");
  const schema = schemaOf("trafficpermissions").properties?.["spec"];
  if (!value || !schema) return undefined;
  const wrong = misfits(value, schema, "spec");
  for (const mistake of wrong) document.note(mistake);
  const spec = withoutNothing(plainOf(value));
  if (wrong.length > 0 || !isObject(spec)) return undefined;
  const meaningless = mistakesIn("TrafficPermission", spec);
  for (const { field, message } of meaningless) {
    document.note({ line: lineOf(value, field), message: `${field}: ${message}` });
  }
  if (meaningless.length > 0) return undefined;
  return {
    ...identity,
    hosts: new Map(),
    put: (catalog, _, path) =>
      catalog.putPermission({
        namespace,
        name,
        // It fits the schema of which the type tells.
        spec: spec as unknown as TrafficPermissionSpec,
        origin: { source: path, line },
      }),
    remove: (catalog) => catalog.removePermission(namespace, name),
  };
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

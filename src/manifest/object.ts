import { isArray, isObject, type Json, type JsonObject, type Path } from "./json.js";

/** An object of Kubernetes in a document. */
export interface FoundObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly value: JsonObject;
  /** From the document's root; not empty for an item of a List. */
  readonly path: Path;
}

/** The objects of a document: itself, or a List's items, also those of Lists in it. */
export function findObjects(root: Json): FoundObject[] {
  return objectsIn(root, [], undefined);
}

function objectsIn(
  value: Json,
  path: Path,
  ofList: { apiVersion: string; kind: string } | undefined,
): FoundObject[] {
  if (!isObject(value)) return [];
  const { apiVersion = ofList?.apiVersion, kind = ofList?.kind, items } = value;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || kind === "") return [];
  if (!kind.endsWith("List") || !isArray(items)) return [{ apiVersion, kind, value, path }];
  // A list of one kind, as `DeploymentList`, need not name it again with each item.
  const inherited = kind === "List" ? undefined : { apiVersion, kind: kind.slice(0, -"List".length) };
  return items.flatMap((item, i) => objectsIn(item, [...path, "items", i], inherited));
}

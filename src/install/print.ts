import { type JsonObject, printDocuments } from "../manifest/index.js";
import { formatJson } from "../output/index.js";

/** How objects are printed; kubectl takes both. */
export type ObjectFormat = "yaml" | "json";

/** Objects as text for `kubectl -f -`: YAML documents, or one JSON object of kind List. */
export function printObjects(objects: readonly JsonObject[], format: ObjectFormat): string {
  if (format === "yaml") return printDocuments(objects);
  return `${formatJson({ apiVersion: "v1", kind: "List", items: objects })}\n`;
}

import type { JsonObject } from "../manifest/index.js";

/**
 * Loads what makes an object a YAML document, which has no break at its end. Apart from the rest, because it takes longer to load than
 * most commands do.
 */
export async function loadYaml(): Promise<(value: JsonObject) => string> {
  const { printDocuments } = await import("../manifest/index.js");
  return (value) => printDocuments([value]).replace(/\n$/, "");
}

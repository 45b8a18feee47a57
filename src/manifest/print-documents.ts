import type { JsonObject } from "./json.js";
import { blockEntries, type BlockStyle } from "./print.js";

const STYLE: BlockStyle = { step: 2, dash: 2, gap: 2 };

/**
 * Objects as YAML documents, which every reader, of YAML 1.1 (kubectl's) and of 1.2, takes for the same values whatever characters
 * they have. The same objects give the same bytes.
 */
export const printDocuments = (objects: readonly JsonObject[]): string =>
  objects.map((object) => `${printObject(object)}\n`).join("---\n");

const printObject = (object: JsonObject) =>
  Object.keys(object).length === 0 ? "{}" : blockEntries(Object.entries(object), 0, STYLE).join("\n");

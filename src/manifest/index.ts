// Kubernetes-style YAML and JSON, with the place of everything in it, and changes that leave all other bytes alone.
export type { Addition, Removal } from "./change.js";
export { decodeManifest } from "./decode.js";
export { ManifestDocument, readDocuments, type ManifestObject, type ObjectChange } from "./document.js";
export {
  equalJson,
  isArray,
  isEmpty,
  isObject,
  showPath,
  valueAt,
  type Json,
  type JsonObject,
  type Path,
} from "./json.js";
export { CommentedDocument } from "./commented.js";
export { plainOf } from "./plain.js";
export { printDocuments } from "./print-documents.js";
export { isRefusal, type Position, type Refusal } from "./refusal.js";
export { withoutParts } from "./net-cut.js";
export { readRecord, withRecord } from "./record.js";
export { readManifest, type Manifest } from "./read.js";
export { describe, type Mistake, type Value } from "./value.js";

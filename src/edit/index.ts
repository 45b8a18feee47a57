// Manifests in files, folders, at addresses and on standard input: read, edited, and given out or written back.
export type { Edit, Edited, EditedResource, Mistake, Place, Remark } from "./edit.js";
export { editInputs, type EditOrder } from "./edit-inputs.js";

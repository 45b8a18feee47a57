// Values, checked, into rendered manifests; and what of them is in a cluster.
export {
  INSTALLED_TYPES,
  installedObjects,
  installedValues,
  leftovers,
  missing,
  objectsToUninstall,
  type ObjectName,
} from "./installed.js";
export { findControlPlane } from "./find-control-plane.js";
export { imageOf } from "./objects/containers.js";
export type { Installation } from "./installation.js";
export { printObjects, type ObjectFormat } from "./print.js";
export { readInstallation, wrongValues } from "./read.js";
export { render, type Part } from "./render.js";
export { sidecarOptions } from "./sidecar-options.js";
export { showValues, type ValueSources, type Values } from "./values/index.js";

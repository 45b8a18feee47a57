// Values, checked, into rendered manifests; and what of them is in a cluster.
export { installedValues, leftovers, objectsToUninstall, type ObjectName } from "./installed.js";
export type { Installation } from "./installation.js";
export { printObjects, type ObjectFormat } from "./print.js";
export { readInstallation, wrongValues } from "./read.js";
export { render, type Part } from "./render.js";
export { sidecarOptions } from "./sidecar-options.js";
export { showValues, type ValueSources, type Values } from "./values/index.js";

// Kubernetes-style YAML, with the line of everything in it.
export { readManifest, type Manifest } from "./read.js";
export { describe, type Mistake, type Value } from "./value.js";

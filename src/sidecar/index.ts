// The proxy as the TypeScript side starts it: where its binary is, how it is configured, and where it then listens.
export { findInitBinary, findProxyBinary } from "./binary.js";
export { type SidecarAddresses, sidecarAddresses } from "./listening.js";
export { type SidecarSettings, sidecarEnvironment } from "./settings.js";
export { type Sidecar, type SidecarStart, startSidecar } from "./start.js";

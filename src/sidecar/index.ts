// The proxy as the TypeScript side starts it: where its binary is, and how it is configured.
export { findProxyBinary } from "./binary.js";
export { type SidecarSettings, sidecarEnvironment } from "./settings.js";

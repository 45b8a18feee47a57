// The frame of the command line: how a command starts, ends, and tells how it ended.
export { runCli } from "./run.js";
export { definedFlags, type FlagDefinition, givenFlags, withBooleanValues } from "./defined-flags.js";
export { MANIFEST_ARGS, MANIFEST_FLAGS, manifestOrder } from "./manifest-flags.js";
export {
  CLUSTER_FLAGS,
  clusterSelection,
  CONTROL_PLANE_FLAGS,
  controlPlaneNaming,
  NAMESPACE_FLAGS,
  namespaceAsked,
} from "./cluster-flags.js";
export { INSTALL_FLAGS, installedPart, valueSources } from "./install-flags.js";
export { readWait, readWindow, WINDOW_FLAG } from "./time-flags.js";

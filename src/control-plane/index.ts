export {
  DEFAULT_DISCOVERY_ADDRESS,
  startControlPlane,
  type ControlPlane,
  type ControlPlaneOptions,
} from "./program.js";
export { Log, type LogFields, type LogFormat } from "./log.js";

export {
  DEFAULT_DISCOVERY_ADDRESS,
  startControlPlane,
  type ControlPlane,
  type ControlPlaneOptions,
  type Source,
} from "./program.js";
export { type IdentityPart, type IdentityRole, startIdentity } from "./identity-role.js";
export { Log, type LogFields, type LogFormat } from "./log.js";
export { type CommonOptions, type Roles, startRoles } from "./roles.js";

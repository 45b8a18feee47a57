// How the commands reach a control plane.
export { apiAddress, DEFAULT_API_ADDRESS } from "../api-address/index.js";
export { ControlPlaneClient } from "./control-plane-client.js";
export { ApiFailure, isUnavailable } from "./failure.js";
export { openControlPlane, openControlPlaneIn, openEveryControlPlaneIn } from "./open.js";
export { routeTo } from "./route.js";

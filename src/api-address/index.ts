// Where commands look for a control plane. Apart from the client, because loading gRPC takes longer than a command may.
export { apiAddress, DEFAULT_API_ADDRESS } from "./address.js";
export { type ControlPlaneNaming, type ControlPlanePlace, controlPlanePlace } from "./place.js";
export { isListening } from "./listening.js";

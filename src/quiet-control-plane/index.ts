// A control plane within this process that logs nothing and certifies sidecars, for meshes that we start ourselves.
export {
  type QuietControlPlane,
  type SidecarCredentials,
  startQuietControlPlane,
} from "./quiet-control-plane.js";

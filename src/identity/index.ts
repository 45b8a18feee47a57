// Who workloads are: the trust root that signs for them.
export {
  keepTrustRoot,
  type TrustRoot,
  type TrustRootObserver,
  type TrustRootOptions,
} from "./trust-root.js";

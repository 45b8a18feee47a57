// Who workloads are: what signs for them, and the tokens by which they show it.
export {
  createAuthority,
  type DirectoryAuthority,
  hasAuthority,
  proxiesFile,
  readAuthority,
  rootsFile,
  writeAuthorityFiles,
} from "./authority-directory.js";
export type { AuthorityFiles } from "./authority-files.js";
export { secretFiles, withSecretFiles } from "./authority-secret.js";
export type { ClusterRoot } from "./cluster-root.js";
export { type Certified, Issuer, type ServerCredentials, type Unsigned } from "./issuer.js";
export { type Account, DEFAULT_TRUST_DOMAIN, isSpiffeSegment, isTrustDomain, spiffeId } from "./names.js";
export { issueToken, type TokenWishes } from "./issue-token.js";
export { type ReadToken, readToken, type TokenHolder } from "./token.js";
export { nextRotationStage, type RotationStage, rotationStage } from "./rotation.js";
export {
  keepTrustRoot,
  readPublishedRoots,
  type TrustRoot,
  type TrustRootObserver,
  type TrustRootOptions,
} from "./trust-root.js";

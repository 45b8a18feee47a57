// X.509 certificates: read, judged, issued, and kept in Secrets of a cluster.
export { daysLeft, endOf, invalidity, isSignedBy, parseCertificates } from "./certificate.js";
export { fingerprint, hex } from "./fingerprint.js";
export {
  type KeyPair,
  type KeySecret,
  readKeyPair,
  readKeySecret,
  type Secret,
  secretData,
  SECRETS,
  secretText,
} from "./key-secret.js";
export { keepKeySecret, type KeptKeySecret } from "./kept-key-secret.js";
export { newAuthority, newIssuer, newServerCertificate, renewIssuer } from "./issue.js";
export { openSigner, type Signer } from "./signer.js";
export { newWorkloadCertificate, readRequest, signWorkload } from "./workload-certificate.js";

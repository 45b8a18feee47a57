import { createHash, type X509Certificate } from "node:crypto";

/** What names a certificate: the SHA-256 of its DER, in hexadecimal. */
export const fingerprint = ({ raw }: X509Certificate): string =>
  createHash("sha256").update(raw).digest("hex");

/** The same, of a SHA-256 as it is in messages. */
export const hex = (sha256: Uint8Array): string => Buffer.from(sha256).toString("hex");

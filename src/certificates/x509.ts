import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import type { PublicKey } from "@peculiar/x509";

const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
export const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A certificate is valid a little before it was made, for machines whose clock is late: those that are five minutes late, with room. */
export const CLOCK_SKEW_MS = 600_000;

/** Loaded when a certificate is made, which most programs never do: it takes a quarter of a second. */
export async function x509() {
  // The package finds its parts by decorators, whose records this keeps.
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** A new key pair, ECDSA P-256. */
export const newKeys = () => webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);

/** A public key as certificates are made of one. */
export type CertifiedKey = webcrypto.CryptoKey | PublicKey;

/** In PKCS #8. */
export const privateKeyPem = ({ privateKey }: webcrypto.CryptoKeyPair) =>
  KeyObject.from(privateKey).export({ type: "pkcs8", format: "pem" }) as string;

/** A positive number of 16 bytes, in hexadecimal (RFC 5280, section 4.1.2.2). */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

/** From a little before now, for so many days. */
export function validity(days: number) {
  const now = Date.now();
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}

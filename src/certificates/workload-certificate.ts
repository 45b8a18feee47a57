import { createPublicKey } from "node:crypto";
import type { Extension, JsonGeneralNames, Pkcs10CertificateRequest } from "@peculiar/x509";
import { fail, ok, type Result } from "../result/index.js";
import type { Signer } from "./signer.js";
import { type CertifiedKey, CLOCK_SKEW_MS, newKeys, privateKeyPem, x509 } from "./x509.js";

/** Longer ones are not looked at: that of a P-256 key without anything more has some 200 bytes. */
const MAX_REQUEST_BYTES = 16 * 1024;

/** Whom a certificate is for, and for how long. */
export interface WorkloadWishes {
  readonly spiffeId: string;
  /** By which it is called as well. */
  readonly hosts?: readonly string[];
  readonly notAfter: Date;
}

/**
 * Reads a PKCS #10 request (RFC 2986) in DER for a P-256 key, and checks that whoever made it has the key. The error says what
 * it is instead.
 */
export async function readRequest(der: Uint8Array): Promise<Result<Pkcs10CertificateRequest>> {
  if (der.length > MAX_REQUEST_BYTES) return fail(`has ${der.length} bytes, more than any for a P-256 key`);
  const { Pkcs10CertificateRequest } = await x509();
  try {
    const request = new Pkcs10CertificateRequest(der);
    if (!isP256(request)) return fail("is for a key that is not ECDSA P-256");
    return (await request.verify()) ? ok(request) : fail("is not signed by its key");
  } catch {
    return fail("is not a PKCS #10 request in DER");
  }
}

function isP256({ publicKey }: Pkcs10CertificateRequest): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey.rawData), format: "der", type: "spki" });
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

/** Signs a certificate that has the SPIFFE ID for its name (SPIFFE X.509-SVID, section 4), for either end of a connection. */
export async function signWorkload(signer: Signer, publicKey: CertifiedKey, wishes: WorkloadWishes) {
  const { notAfter } = wishes;
  const notBefore = new Date(Date.now() - CLOCK_SKEW_MS);
  return signer.sign(await workloadExtensions(wishes), { notBefore, notAfter, publicKey });
}

/** A certificate with a new key, both PEM. */
export async function newWorkloadCertificate(
  signer: Signer,
  wishes: WorkloadWishes,
): Promise<{ certificate: string; key: string }> {
  const keys = await newKeys();
  const certificate = await signWorkload(signer, keys.publicKey, wishes);
  return { certificate: `${certificate.toString("pem")}\n`, key: privateKeyPem(keys) };
}

async function workloadExtensions({ spiffeId, hosts = [] }: WorkloadWishes): Promise<Extension[]> {
  const x = await x509();
  const names: JsonGeneralNames = [
    { type: "url", value: spiffeId },
    ...hosts.map((value) => ({ type: "dns" as const, value })),
  ];
  return [
    new x.BasicConstraintsExtension(false, undefined, true),
    new x.KeyUsagesExtension(x.KeyUsageFlags.digitalSignature, true),
    new x.ExtendedKeyUsageExtension([x.ExtendedKeyUsage.serverAuth, x.ExtendedKeyUsage.clientAuth]),
    // Critical, for there is no other name (RFC 5280, section 4.2.1.6).
    new x.SubjectAlternativeNameExtension(names, true),
  ];
}

// The x509 package finds its parts by decorators, whose records this keeps.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  AuthorityKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import type { KeyPair } from "./key-secret.js";

const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A certificate is valid a little before it was made, for machines whose clock is late. */
const CLOCK_SKEW_MS = 300_000;

/** Who signs. */
interface Signer {
  readonly issuer: string | Name;
  readonly signingKey: webcrypto.CryptoKey;
}

/** What is wanted of a certificate authority. */
export interface AuthorityWishes {
  /** Its common name. */
  readonly name: string;
  /** Its SPIFFE identity, when it signs identities of workloads (SPIFFE X.509-SVID, section 4.2). */
  readonly spiffeId?: string;
  readonly days: number;
}

/** Makes a certificate authority with a key of its own, that trusts itself. ECDSA P-256. */
export async function newAuthority({ name, spiffeId, days }: AuthorityWishes): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(days),
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(spiffeId === undefined
        ? []
        : [new SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }])]),
    ],
  });
  const pem = `${certificate.toString("pem")}\n`;
  return { certificate: pem, key: privateKeyPem(keys), authorities: pem };
}

/** What is wanted of a server's certificate. */
export interface ServerWishes {
  /** The name of the authority, which signs this certificate and no other: its key is forgotten. */
  readonly authority: string;
  /** The names by which clients call the server. */
  readonly hosts: readonly string[];
  readonly days: number;
}

/** Makes a certificate for a server, and an authority for it alone. */
export async function newServerCertificate({ authority, hosts, days }: ServerWishes): Promise<KeyPair> {
  const [authorityKeys, keys] = await Promise.all([newKeys(), newKeys()]);
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity(days),
    serialNumber: serialNumber(),
    name: [{ CN: [authority] }],
    keys: authorityKeys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const signer: Signer = { issuer: root.subjectName.toString(), signingKey: authorityKeys.privateKey };
  const certificate = await X509CertificateGenerator.create({
    ...validity(days),
    ...signer,
    serialNumber: serialNumber(),
    subject: [{ CN: [hosts[0] ?? ""] }],
    publicKey: keys.publicKey,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value }))),
      await AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: privateKeyPem(keys),
    authorities: `${root.toString("pem")}\n`,
  };
}

const newKeys = () => webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);

const privateKeyPem = ({ privateKey }: webcrypto.CryptoKeyPair) =>
  KeyObject.from(privateKey).export({ type: "pkcs8", format: "pem" }) as string;

/** A positive number of 16 bytes, in hexadecimal (RFC 5280, section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function validity(days: number) {
  const now = Date.now();
  return { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + days * DAY_MS) };
}

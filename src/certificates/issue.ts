import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import type { Extension } from "@peculiar/x509";
import type { KeyPair } from "./key-secret.js";

const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
/** A certificate is valid a little before it was made, for machines whose clock is late. */
const CLOCK_SKEW_MS = 300_000;

/** Loaded when a certificate is made, which most programs never do: it takes a quarter of a second. */
async function x509() {
  // The package finds its parts by decorators, whose records this keeps.
  await import("reflect-metadata");
  return import("@peculiar/x509");
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
export async function newAuthority(wishes: AuthorityWishes): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await selfSigned(wishes, keys);
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
  const x = await x509();
  const [authorityKeys, keys] = await Promise.all([newKeys(), newKeys()]);
  const root = await selfSigned({ name: authority, days }, authorityKeys);
  const certificate = await x.X509CertificateGenerator.create({
    ...validity(days),
    serialNumber: serialNumber(),
    issuer: root.subject,
    signingKey: authorityKeys.privateKey,
    subject: [{ CN: [hosts[0] ?? ""] }],
    publicKey: keys.publicKey,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new x.BasicConstraintsExtension(false, undefined, true),
      new x.KeyUsagesExtension(x.KeyUsageFlags.digitalSignature, true),
      new x.ExtendedKeyUsageExtension([x.ExtendedKeyUsage.serverAuth]),
      new x.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value }))),
      await x.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: privateKeyPem(keys),
    authorities: `${root.toString("pem")}\n`,
  };
}

async function selfSigned({ name, spiffeId, days }: AuthorityWishes, keys: webcrypto.CryptoKeyPair) {
  const x = await x509();
  const extensions: Extension[] = [
    new x.BasicConstraintsExtension(true, undefined, true),
    new x.KeyUsagesExtension(x.KeyUsageFlags.keyCertSign | x.KeyUsageFlags.cRLSign, true),
    await x.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  if (spiffeId !== undefined) {
    extensions.push(new x.SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }]));
  }
  return x.X509CertificateGenerator.createSelfSigned({
    ...validity(days),
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SIGNATURE,
    extensions,
  });
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

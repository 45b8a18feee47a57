import type { webcrypto } from "node:crypto";
import type { Extension } from "@peculiar/x509";
import type { KeyPair, KeySecret } from "./key-secret.js";
import { openSigner } from "./signer.js";
import {
  type CertifiedKey,
  newKeys,
  privateKeyPem,
  serialNumber,
  SIGNATURE,
  validity,
  x509,
} from "./x509.js";

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

/** Makes an authority that another one signs, for certificates of workloads alone. ECDSA P-256. */
export async function newIssuer(root: KeyPair, wishes: AuthorityWishes): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await signIssuer(root, keys.publicKey, wishes);
  return { certificate, key: privateKeyPem(keys), authorities: root.authorities };
}

/** The next certificate of such an authority, for the same key; PEM. */
export async function renewIssuer(
  root: KeyPair,
  { certificate }: KeySecret,
  wishes: AuthorityWishes,
): Promise<string> {
  const { PublicKey } = await x509();
  return signIssuer(
    root,
    new PublicKey(certificate.publicKey.export({ type: "spki", format: "der" })),
    wishes,
  );
}

async function signIssuer(root: KeyPair, publicKey: CertifiedKey, wishes: AuthorityWishes): Promise<string> {
  const x = await x509();
  const signer = await openSigner(root);
  const extensions = [
    // It signs no other authority: path length 0.
    new x.BasicConstraintsExtension(true, 0, true),
    ...(await authorityExtensions(wishes.spiffeId, publicKey)),
  ];
  const certificate = await signer.sign(extensions, {
    ...validity(wishes.days),
    subject: [{ CN: [wishes.name] }],
    publicKey,
  });
  return `${certificate.toString("pem")}\n`;
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
  const [root, keys] = await Promise.all([newAuthority({ name: authority, days }), newKeys()]);
  const signer = await openSigner(root);
  const extensions = [
    new x.BasicConstraintsExtension(false, undefined, true),
    new x.KeyUsagesExtension(x.KeyUsageFlags.digitalSignature, true),
    new x.ExtendedKeyUsageExtension([x.ExtendedKeyUsage.serverAuth]),
    new x.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns", value }))),
  ];
  const certificate = await signer.sign(extensions, {
    ...validity(days),
    subject: [{ CN: [hosts[0] ?? ""] }],
    publicKey: keys.publicKey,
  });
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: privateKeyPem(keys),
    authorities: root.certificate,
  };
}

async function selfSigned({ name, spiffeId, days }: AuthorityWishes, keys: webcrypto.CryptoKeyPair) {
  const x = await x509();
  const extensions = [
    new x.BasicConstraintsExtension(true, undefined, true),
    ...(await authorityExtensions(spiffeId, keys.publicKey)),
  ];
  return x.X509CertificateGenerator.createSelfSigned({
    ...validity(days),
    serialNumber: serialNumber(),
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: SIGNATURE,
    extensions,
  });
}

/** What every authority's certificate says beside how long a path it may begin. */
async function authorityExtensions(
  spiffeId: string | undefined,
  publicKey: CertifiedKey,
): Promise<Extension[]> {
  const x = await x509();
  return [
    new x.KeyUsagesExtension(x.KeyUsageFlags.keyCertSign | x.KeyUsageFlags.cRLSign, true),
    await x.SubjectKeyIdentifierExtension.create(publicKey),
    ...(spiffeId === undefined
      ? []
      : [new x.SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }])]),
  ];
}

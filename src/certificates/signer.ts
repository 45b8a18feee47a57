import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import type { Extension, X509Certificate } from "@peculiar/x509";
import type { KeyPair } from "./key-secret.js";
import { type CertifiedKey, serialNumber, x509 } from "./x509.js";

/** What a certificate says beside its extensions and who signed it. */
export interface CertificateBody {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Left out where the name is one of the extensions alone. */
  readonly subject?: { [attribute: string]: string[] }[];
  readonly publicKey: CertifiedKey;
}

/** An authority with its key at hand. */
export interface Signer {
  sign(extensions: readonly Extension[], body: CertificateBody): Promise<X509Certificate>;
}

/** Opens the key of an authority: ECDSA on P-256 or P-384, or RSA. @param authority the first certificate is what signs */
export async function openSigner({ certificate, key }: KeyPair): Promise<Signer> {
  const x = await x509();
  const issuer = new x.X509Certificate(certificate.match(FIRST_CERTIFICATE)?.[0] ?? certificate);
  const { algorithm, signature } = algorithmsOf(createPrivateKey(key));
  const der = createPrivateKey(key).export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const keyId = issuer.getExtension(x.SubjectKeyIdentifierExtension)?.keyId;
  return {
    sign: (extensions, body) =>
      x.X509CertificateGenerator.create({
        ...body,
        serialNumber: serialNumber(),
        issuer: issuer.subjectName,
        signingKey,
        signingAlgorithm: signature,
        extensions: [
          ...extensions,
          ...(keyId === undefined ? [] : [new x.AuthorityKeyIdentifierExtension(keyId)]),
        ],
      }),
  };
}

const FIRST_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/;

/** How the key is read, and how it signs. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  if (asymmetricKeyType === "rsa") {
    const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    return { algorithm: rsa, signature: rsa };
  }
  const isLarge = asymmetricKeyDetails?.namedCurve === "secp384r1";
  return {
    algorithm: { name: "ECDSA", namedCurve: isLarge ? "P-384" : "P-256" },
    signature: { name: "ECDSA", hash: isLarge ? "SHA-384" : "SHA-256" },
  };
}

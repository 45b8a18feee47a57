import { createPrivateKey, type X509Certificate } from "node:crypto";
import type { KubernetesObject, ResourceType } from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { invalidity, isSignedBy, parseCertificates } from "./certificate.js";

export interface Secret extends KubernetesObject {
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export const SECRETS: ResourceType<Secret> = {
  group: "",
  version: "v1",
  plural: "secrets",
  namespaced: true,
};

/** A certificate with its key and what it is trusted by, all PEM: what a Secret in cert-manager's format holds. */
export interface KeyPair {
  /** `tls.crt`: the certificate, then intermediate ones. */
  readonly certificate: string;
  /** `tls.key` */
  readonly key: string;
  /** `ca.crt` */
  readonly authorities: string;
  /** `ca.key`: what the first authority signs by, where it is kept beside. */
  readonly authorityKey?: string;
}

/** A key pair that was read and can be used. */
export interface KeySecret {
  readonly certificate: X509Certificate;
  /** What signed it, up to what one of the authorities signed. */
  readonly intermediates: readonly X509Certificate[];
  readonly authorities: readonly X509Certificate[];
  readonly pem: KeyPair;
}

/** Reads a Secret with `tls.crt`, `tls.key` and `ca.crt`; the error says what is wrong with which of them at this time. */
export function readKeySecret(secret: Secret, now: Date): Result<KeySecret> {
  const text = (key: string) => secretText(secret, key) ?? "";
  for (const key of ["tls.crt", "tls.key", "ca.crt"])
    if (secretText(secret, key) === undefined) return fail(`has no ${key}`);
  const authorityKey = secretText(secret, "ca.key");
  return readKeyPair(
    {
      ...{ certificate: text("tls.crt"), key: text("tls.key"), authorities: text("ca.crt") },
      ...(authorityKey !== undefined && { authorityKey }),
    },
    now,
  );
}

/** Reads a key pair; the error says by the names that they have in a Secret which of them is wrong at this time. */
export function readKeyPair(pem: KeyPair, now: Date): Result<KeySecret> {
  const chain = parseCertificates(pem.certificate);
  if (!chain.ok) return fail(`tls.crt ${chain.error}`);
  const authorities = parseCertificates(pem.authorities);
  if (!authorities.ok) return fail(`ca.crt ${authorities.error}`);
  const [certificate, ...intermediates] = chain.value;
  for (const [key, certificates] of [
    ["tls.crt", chain.value],
    ["ca.crt", authorities.value],
  ] as const) {
    const reason = certificates.map((one) => invalidity(one, now)).find(Boolean);
    if (reason !== undefined) return fail(`${key} ${reason}`);
  }
  if (!isSignedBy(certificate, [...intermediates, ...authorities.value]))
    return fail("tls.crt is not signed by ca.crt");
  if (!hasKey(certificate, pem.key)) return fail("tls.key is not the key of tls.crt");
  return ok({ certificate, intermediates, authorities: authorities.value, pem });
}

/** The data of a Secret of type kubernetes.io/tls with the key pair. */
export function keySecretData({
  certificate,
  key,
  authorities,
  authorityKey,
}: KeyPair): Record<string, string> {
  return secretData({
    "tls.crt": certificate,
    "tls.key": key,
    "ca.crt": authorities,
    "ca.key": authorityKey,
  });
}

/** Texts as a Secret has them, in base64; without those that are undefined. */
export function secretData(texts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const there = Object.entries(texts).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, Buffer.from(text, "utf8").toString("base64")]],
  );
  return Object.fromEntries(there) as Record<string, string>;
}

/** A text of a Secret; undefined where it has none of the name. */
export function secretText({ data = {} }: Secret, name: string): string | undefined {
  const base64 = data[name];
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
}

function hasKey(certificate: X509Certificate, pem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}

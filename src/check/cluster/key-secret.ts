import { createPrivateKey, type X509Certificate } from "node:crypto";
import { invalidity, isSignedBy, parseCertificates } from "../certificates.js";
import { fail, ok, type Result } from "../../result/index.js";
import type { Secret } from "./objects.js";

/** What a Secret in cert-manager's format holds: a certificate, and those that it is trusted by. */
export interface KeySecret {
  readonly certificate: X509Certificate;
  readonly authorities: readonly X509Certificate[];
}

/** Reads a Secret with `tls.crt`, `tls.key` and `ca.crt`; the error says what is wrong with which of them at this time. */
export function readKeySecret({ data = {} }: Secret, now: Date): Result<KeySecret> {
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("utf8");
  for (const key of ["tls.crt", "tls.key", "ca.crt"])
    if (data[key] === undefined) return fail(`has no ${key}`);
  const chain = parseCertificates(text("tls.crt"));
  if (!chain.ok) return fail(`tls.crt ${chain.error}`);
  const authorities = parseCertificates(text("ca.crt"));
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
  if (!hasKey(certificate, text("tls.key"))) return fail("tls.key is not the key of tls.crt");
  return ok({ certificate, authorities: authorities.value });
}

function hasKey(certificate: X509Certificate, pem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}

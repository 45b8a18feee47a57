import { type Secret, secretData, secretText } from "../certificates/index.js";
import { fail, ok, type Result } from "../result/index.js";
import {
  AUTHORITY_FILES,
  type AuthorityFiles,
  readAuthorityFiles,
  trustDomainOf,
} from "./authority-files.js";

/** A certificate authority that is kept in a Secret; undefined where something of it is missing. */
export function filesOf(secret: Secret): AuthorityFiles | undefined {
  const text = (name: keyof AuthorityFiles) => secretText(secret, name);
  const [roots, issuer, key] = [text("ca.crt"), text("tls.crt"), text("tls.key")];
  if (roots === undefined || issuer === undefined || key === undefined) return undefined;
  return {
    ...{ "ca.crt": roots, "tls.crt": issuer, "tls.key": key },
    ...{ "ca.key": text("ca.key"), "next.key": text("next.key") },
  };
}

/** What is read of such a Secret; the error says what is wrong with it. */
export function secretFiles(secret: Secret): Result<{ files: AuthorityFiles; trustDomain: string }> {
  const files = filesOf(secret);
  if (!files) return fail("it does not have all of ca.crt, tls.crt and tls.key");
  const keys = readAuthorityFiles(files);
  if (!keys.ok) return keys;
  const trustDomain = trustDomainOf(keys.value);
  return trustDomain === undefined
    ? fail("it names no trust domain (spiffe://…)")
    : ok({ files, trustDomain });
}

/** The Secret with these files, and of its other data what it has. */
export function withSecretFiles(secret: Secret, files: AuthorityFiles): Secret {
  const names: readonly string[] = AUTHORITY_FILES;
  const others = Object.entries(secret.data ?? {}).filter(([name]) => !names.includes(name));
  return { ...secret, data: { ...Object.fromEntries(others), ...secretData({ ...files }) } };
}

import { generateKeyPairSync } from "node:crypto";
import {
  daysLeft,
  endOf,
  type KeyPair,
  type KeySecret,
  newAuthority,
  newIssuer,
  parseCertificates,
  readKeyPair,
  renewIssuer,
} from "../certificates/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Changing a root takes a change at every proxy, so it lives long; what it signs does not. */
const ROOT_DAYS = 3650;
const ISSUER_DAYS = 365;
/** With so many days left the issuer gets its next certificate. */
const ISSUER_RENEWED_DAYS = 120;

/**
 * What a certificate authority of the mesh consists of, all PEM, wherever it is kept. Those of a user's own go by the names that cert-manager gives
 * them.
 */
export interface AuthorityFiles {
  /** The roots that workloads are to trust, the one in use first. */
  readonly "ca.crt": string;
  /** The key of the root in use. It can be kept elsewhere: it is needed for the issuer's next certificate alone. */
  readonly "ca.key"?: string | undefined;
  /** The issuer, then what signed it. */
  readonly "tls.crt": string;
  readonly "tls.key": string;
  /** While the root is changed, and the next one does not sign yet: its key. */
  readonly "next.key"?: string | undefined;
}

/** The names of the files, in the order in which they are written. */
export const AUTHORITY_FILES = ["ca.crt", "ca.key", "tls.crt", "tls.key", "next.key"] as const;
export type AuthorityFile = (typeof AUTHORITY_FILES)[number];

/** Whether a file is for its owner's eyes alone. */
export const isSecret = (name: string): boolean => name.endsWith(".key");

/** A root with its key, for a trust domain. */
export const newRoot = (trustDomain: string): Promise<KeyPair> =>
  newAuthority({ name: trustDomain, spiffeId: `spiffe://${trustDomain}`, days: ROOT_DAYS });

/** An issuer that a root signs. */
export const issuerOf = (root: KeyPair, trustDomain: string): Promise<KeyPair> =>
  newIssuer(root, issuerWishes(trustDomain));

const issuerWishes = (trustDomain: string) => ({
  spiffeId: `spiffe://${trustDomain}`,
  name: `${trustDomain} issuer`,
  days: ISSUER_DAYS,
});

/** A root, and an issuer that it signs. */
export async function newAuthorityFiles(trustDomain: string): Promise<AuthorityFiles> {
  const root = await newRoot(trustDomain);
  const issuer = await issuerOf(root, trustDomain);
  return {
    "ca.crt": root.certificate,
    "ca.key": root.key,
    "tls.crt": issuer.certificate,
    "tls.key": issuer.key,
  };
}

/** A key for tokens, PEM. */
export function newTokenKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/** Reads what signs; the error says by the file's name what is wrong. */
export const readAuthorityFiles = (files: AuthorityFiles): Result<KeySecret> =>
  readKeyPair(pairOf(files), new Date());

const pairOf = (files: AuthorityFiles): KeyPair => ({
  certificate: files["tls.crt"],
  key: files["tls.key"],
  authorities: files["ca.crt"],
});

/** The trust domain that the issuer, or else its root, signs for. */
export function trustDomainOf({ certificate, authorities }: KeySecret): string | undefined {
  const names = [certificate, ...authorities].map(({ subjectAltName = "" }) => subjectAltName);
  return names.map((text) => /(?:^|, )URI:spiffe:\/\/([a-z0-9._-]+)/.exec(text)?.[1]).find(Boolean);
}

/** Whether the issuer ends soon, or has ended. */
export const isIssuerDue = ({ certificate }: KeySecret): boolean =>
  daysLeft([certificate], new Date()) < ISSUER_RENEWED_DAYS;

/** An authority that was read, and the files that it is of. */
export interface ReadAuthorityFiles {
  readonly files: AuthorityFiles;
  readonly keys: KeySecret;
  /** Its issuer was given its next certificate, which is to be written: in words. */
  readonly renewal?: string;
}

/**
 * Reads what signs, by the issuer's next certificate (of the same key) where the present one ends soon or has ended, and the root's key is there to sign it. The
 * error says by the file's name what is wrong.
 * @param trustDomain the one that the issuer, or else its root, tells of when left out
 */
export async function readWithNextIssuer(
  files: AuthorityFiles,
  trustDomain?: string,
): Promise<Result<ReadAuthorityFiles>> {
  const read = readAuthorityFiles(files);
  const before = readWhileValid(files);
  const present: Result<ReadAuthorityFiles> = read.ok ? ok({ files, keys: read.value }) : read;
  if (!before.ok || !isIssuerDue(before.value)) return present;
  const next = await nextIssuer(files, before.value, trustDomain ?? trustDomainOf(before.value));
  if (next.ok) return ok({ ...next.value, renewal: describeRenewal(before.value, next.value.keys) });
  // A root's key that is not there, or is not the first root's, is no reason to stop while what is there is valid.
  return present.ok ? present : fail(`${present.error}, and ${next.error}`);
}

/** Reads what signs as it was before the issuer ended. */
function readWhileValid(files: AuthorityFiles): Result<KeySecret> {
  const chain = parseCertificates(files["tls.crt"]);
  if (!chain.ok) return chain;
  return readKeyPair(pairOf(files), new Date(Math.min(Date.now(), endOf(chain.value).getTime())));
}

async function nextIssuer(
  files: AuthorityFiles,
  keys: KeySecret,
  trustDomain: string | undefined,
): Promise<Result<ReadAuthorityFiles>> {
  const key = files["ca.key"];
  if (key === undefined || trustDomain === undefined)
    return fail("there is no ca.key to sign its next certificate");
  const root = { certificate: files["ca.crt"], key, authorities: files["ca.crt"] };
  try {
    const certificate = await renewIssuer(root, keys, issuerWishes(trustDomain));
    const next = { ...files, "tls.crt": certificate };
    const read = readAuthorityFiles(next);
    return read.ok ? ok({ files: next, keys: read.value }) : fail(`of its next certificate ${read.error}`);
  } catch {
    return fail("ca.key is no key that can sign its next certificate");
  }
}

function describeRenewal({ certificate: former }: KeySecret, { certificate: next }: KeySecret): string {
  const [end, nextEnd] = [endOf([former]), endOf([next])];
  const ends = end.getTime() < Date.now() ? "ended" : "ends";
  return `the issuer's certificate ${ends} on ${end.toISOString()}: it was given its next one, until ${nextEnd.toISOString()}`;
}

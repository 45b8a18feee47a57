import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  daysLeft,
  type KeySecret,
  newAuthority,
  newIssuer,
  readKeyPair,
  renewIssuer,
} from "../certificates/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { isTrustDomain } from "./names.js";

/** Changing a root takes a change at every proxy, so it lives long; what it signs does not. */
const ROOT_DAYS = 3650;
const ISSUER_DAYS = 365;
/** With so many days left the issuer gets its next certificate. */
const ISSUER_RENEWED_DAYS = 120;

/** Where in a directory of the control plane its certificate authority is. */
const FOLDER = "ca";

/** What is in there. Those of a certificate authority of the user's go by the names that cert-manager gives them. */
const FILES = {
  /** The roots that workloads are to trust, the one in use first. */
  roots: "ca.crt",
  /** The key of the root in use. It can be kept elsewhere: it is needed for the issuer's next certificate alone. */
  rootKey: "ca.key",
  /** The issuer, then what signed it. */
  issuer: "tls.crt",
  issuerKey: "tls.key",
  /** Signs the tokens of workloads. */
  tokenKey: "token.key",
} as const;

/** A certificate authority that is kept in files. */
export interface DirectoryAuthority {
  readonly keys: KeySecret;
  readonly trustDomain: string;
  /** The private key of tokens, PEM. */
  readonly tokenKey: string;
}

/** Where a directory has the roots that proxies are to be given. */
export const rootsFile = (directory: string): string => join(directory, FOLDER, FILES.roots);

/** Whether a directory has a certificate authority. */
export const hasAuthority = (directory: string): Promise<boolean> => exists(join(directory, FOLDER));

/**
 * Makes a certificate authority in a directory: a root, an issuer that it signs, and a key for tokens. Private keys can be read by their owner alone. Of
 * several who make one at the same time one wins.
 */
export async function createAuthority(
  directory: string,
  trustDomain: string,
): Promise<Result<undefined, Failure>> {
  if (!isTrustDomain(trustDomain)) {
    return fail(
      new Failure(`--trust-domain ${trustDomain} cannot be taken`, {
        hint: "lower case letters, digits, dots, hyphens and underscores: mesh.example.com",
        exitStatus: 2,
      }),
    );
  }
  const place = join(directory, FOLDER);
  try {
    if (await exists(place)) return fail(isThere(place));
    // Hidden, and renamed when it is complete: nobody sees a half of it.
    const draft = await mkdtemp(join(directory, `.${FOLDER}-`));
    try {
      await writeAuthority(draft, trustDomain);
      await chmod(draft, 0o755);
      await rename(draft, place);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return ok(undefined);
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes(codeOf(error))) return fail(isThere(place));
    return fail(
      new Failure(`cannot make ${place}: ${codeOf(error)}`, {
        hint: "a directory that is there, and that you may write",
      }),
    );
  }
}

const isThere = (place: string) =>
  new Failure(`${place} is there already; proxies may trust it`, { hint: "another --directory" });

async function writeAuthority(folder: string, trustDomain: string): Promise<void> {
  const spiffe = { spiffeId: `spiffe://${trustDomain}` };
  const root = await newAuthority({ ...spiffe, name: trustDomain, days: ROOT_DAYS });
  const issuer = await newIssuer(root, { ...spiffe, name: `${trustDomain} issuer`, days: ISSUER_DAYS });
  await Promise.all([
    writePublic(join(folder, FILES.roots), root.certificate),
    writePrivate(join(folder, FILES.rootKey), root.key),
    writePublic(join(folder, FILES.issuer), issuer.certificate),
    writePrivate(join(folder, FILES.issuerKey), issuer.key),
    writePrivate(join(folder, FILES.tokenKey), newTokenKey()),
  ]);
}

function newTokenKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/**
 * Reads a directory's certificate authority. An issuer that ends soon is given its next certificate, where the root's key is there; a key for tokens is made
 * where there is none. The error names the file.
 */
export async function readAuthority(directory: string): Promise<Result<DirectoryAuthority>> {
  const place = join(directory, FOLDER);
  const read = async (name: string) => readFile(join(place, name), "utf8");
  try {
    const [authorities, certificate, key] = await Promise.all([
      read(FILES.roots),
      read(FILES.issuer),
      read(FILES.issuerKey),
    ]);
    const keys = readKeyPair({ authorities, certificate, key }, new Date());
    if (!keys.ok) return fail(`${place}: ${keys.error}`);
    const trustDomain = trustDomainOf(keys.value);
    if (trustDomain === undefined)
      return fail(`${join(place, FILES.issuer)} names no trust domain (spiffe://…)`);
    const current = await withNextIssuer(place, keys.value, trustDomain);
    return ok({ keys: current, trustDomain, tokenKey: await tokenKeyIn(place) });
  } catch (error) {
    return fail(`${pathOf(error) ?? place} cannot be read: ${codeOf(error)}`);
  }
}

/** The trust domain that the issuer, or else its root, signs for. */
function trustDomainOf({ certificate, authorities }: KeySecret): string | undefined {
  const names = [certificate, ...authorities].map(({ subjectAltName = "" }) => subjectAltName);
  return names.map((text) => /(?:^|, )URI:spiffe:\/\/([a-z0-9._-]+)/.exec(text)?.[1]).find(Boolean);
}

/** The issuer with its next certificate, of the same key, when the present one ends soon and the root's key is there to sign it. */
async function withNextIssuer(place: string, keys: KeySecret, trustDomain: string): Promise<KeySecret> {
  if (daysLeft([keys.certificate], new Date()) >= ISSUER_RENEWED_DAYS) return keys;
  const rootKey = await readFile(join(place, FILES.rootKey), "utf8").catch(() => undefined);
  if (rootKey === undefined) return keys;
  const { authorities } = keys.pem;
  const certificate = await renewIssuer({ certificate: authorities, key: rootKey, authorities }, keys, {
    spiffeId: `spiffe://${trustDomain}`,
    name: `${trustDomain} issuer`,
    days: ISSUER_DAYS,
  });
  const next = readKeyPair({ ...keys.pem, certificate }, new Date());
  // A root's key that is not the first root's is no reason to stop: what is there is valid.
  if (!next.ok) return keys;
  await replace(join(place, FILES.issuer), certificate, writePublic);
  return next.value;
}

async function tokenKeyIn(place: string): Promise<string> {
  const path = join(place, FILES.tokenKey);
  if (!(await exists(path))) await replace(path, newTokenKey(), writePrivate);
  return readFile(path, "utf8");
}

/** Writes a file and then gives it its name, so that nobody reads a half of it. */
async function replace(path: string, text: string, write: typeof writePublic): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  await write(draft, text);
  await rename(draft, path);
}

const writePublic = (path: string, text: string) => writeFile(path, text, { mode: 0o644 });
const writePrivate = (path: string, text: string) => writeFile(path, text, { mode: 0o600 });

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);

const pathOf = (error: unknown): string | undefined =>
  error instanceof Error && "path" in error ? String(error.path) : undefined;

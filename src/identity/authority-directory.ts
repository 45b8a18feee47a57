import { randomUUID } from "node:crypto";
import { chmod, link, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KeySecret } from "../certificates/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import {
  AUTHORITY_FILES,
  type AuthorityFile,
  type AuthorityFiles,
  isSecret,
  newAuthorityFiles,
  newTokenKey,
  readAuthorityFiles,
  readWithNextIssuer,
  trustDomainOf,
} from "./authority-files.js";
import { isTrustDomain } from "./names.js";
import { isTokenKey } from "./token.js";

/** Where in a directory of the control plane its certificate authority is. */
const FOLDER = "ca";

/** What writes the files has written them all within this time. */
const WRITTEN_WITHIN_MS = 100;

/** Beside the authority's own files: signs the tokens of workloads. */
const TOKEN_KEY = "token.key";
/** The proxies that the control plane has certified, for when it starts anew. */
const PROXIES = "proxies.json";

/** A certificate authority that is kept in files. */
export interface DirectoryAuthority {
  readonly files: AuthorityFiles;
  readonly keys: KeySecret;
  readonly trustDomain: string;
  /** The private key of tokens, PEM. */
  readonly tokenKey: string;
  /** That its issuer was given its next certificate now, in words. */
  readonly renewal?: string;
}

/** Where a directory has the roots that proxies are to be given. */
export const rootsFile = (directory: string): string => join(directory, FOLDER, "ca.crt");

/** Where a control plane remembers whom it has certified. */
export const proxiesFile = (directory: string): string => join(directory, FOLDER, PROXIES);

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
  await replaceFiles(folder, await newAuthorityFiles(trustDomain));
  await replace(join(folder, TOKEN_KEY), newTokenKey());
}

/**
 * Reads a directory's certificate authority. An issuer that ends soon or has ended is given its next certificate, where the root's key is there; a key for tokens is made
 * where there is none. The error names the file.
 */
export async function readAuthority(directory: string): Promise<Result<DirectoryAuthority>> {
  const place = join(directory, FOLDER);
  try {
    const read = await readWithNextIssuer(await readSettled(place));
    if (!read.ok) return fail(`${place}: ${read.error}`);
    const { files, keys, renewal } = read.value;
    const trustDomain = trustDomainOf(keys);
    if (trustDomain === undefined)
      return fail(`${join(place, "tls.crt")} names no trust domain (spiffe://…)`);
    if (renewal !== undefined) await replace(join(place, "tls.crt"), files["tls.crt"]);
    const tokenKey = await readTokenKey(directory);
    if (!tokenKey.ok) return tokenKey;
    return ok({ ...read.value, trustDomain, tokenKey: tokenKey.value });
  } catch (error) {
    return fail(`${pathOf(error) ?? place} cannot be read: ${codeOf(error)}`);
  }
}

/** Reads the key that signs tokens, PEM, which is made where there is none; the rest of the authority is not looked at. The error names the file. */
export async function readTokenKey(directory: string): Promise<Result<string>> {
  const path = join(directory, FOLDER, TOKEN_KEY);
  try {
    const key = await tokenKeyAt(path);
    return isTokenKey(key) ? ok(key) : fail(`${path} is no private key, ECDSA P-256`);
  } catch (error) {
    return fail(`${path} cannot be read: ${codeOf(error)}`);
  }
}

/** Writes other files of a directory's certificate authority. */
export async function writeAuthorityFiles(
  directory: string,
  files: AuthorityFiles,
): Promise<Result<undefined, Failure>> {
  const place = join(directory, FOLDER);
  try {
    await replaceFiles(place, files);
    return ok(undefined);
  } catch (error) {
    return fail(
      new Failure(`cannot write ${pathOf(error) ?? place}: ${codeOf(error)}`, {
        hint: "the user that the control plane runs as",
      }),
    );
  }
}

/** Files that do not go together may be half written. */
async function readSettled(place: string): Promise<AuthorityFiles> {
  for (let attempt = 1; ; attempt++) {
    const files = await readFiles(place);
    if (readAuthorityFiles(files).ok || attempt === 3) return files;
    await delay(WRITTEN_WITHIN_MS);
  }
}

async function readFiles(place: string): Promise<AuthorityFiles> {
  const read = (name: AuthorityFile) => readNamed(join(place, name));
  const readIfThere = (name: AuthorityFile) => read(name).catch(() => undefined);
  const [roots, issuer, issuerKey] = await Promise.all([read("ca.crt"), read("tls.crt"), read("tls.key")]);
  const [rootKey, nextKey] = await Promise.all([readIfThere("ca.key"), readIfThere("next.key")]);
  return {
    ...{ "ca.crt": roots, "tls.crt": issuer, "tls.key": issuerKey },
    ...{ "ca.key": rootKey, "next.key": nextKey },
  };
}

/** The key of the next root goes last: for as long as it is there, the same can be done again. */
async function replaceFiles(place: string, files: AuthorityFiles): Promise<void> {
  for (const name of AUTHORITY_FILES) {
    const text = files[name];
    if (text !== undefined) await replace(join(place, name), text);
  }
  if (files["next.key"] === undefined) await rm(join(place, "next.key"), { force: true });
}

/** Of several who make one at the same time one wins. */
async function tokenKeyAt(path: string): Promise<string> {
  if (!(await exists(path))) {
    const draft = await writeDraft(path, newTokenKey());
    await link(draft, path).catch((error: unknown) =>
      // Not everywhere can a file have two names.
      codeOf(error) === "EEXIST" ? undefined : rename(draft, path),
    );
    await rm(draft, { force: true });
  }
  return readFile(path, "utf8");
}

/** Reads a file; the error names it whatever it is. */
const readNamed = (path: string): Promise<string> =>
  readFile(path, "utf8").catch((error: unknown) => {
    throw Object.assign(new Error("cannot be read"), { path, code: codeOf(error) });
  });

/** Writes a file and then gives it its name, so that nobody reads a half of it. */
async function replace(path: string, text: string): Promise<void> {
  await rename(await writeDraft(path, text), path);
}

/** What is to be a file soon; the path of the draft. */
async function writeDraft(path: string, text: string): Promise<string> {
  const draft = `${path}.${randomUUID()}.tmp`;
  await writeFile(draft, text, { mode: isSecret(path) ? 0o600 : 0o644 });
  return draft;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);

const pathOf = (error: unknown): string | undefined =>
  error instanceof Error && "path" in error ? String(error.path) : undefined;

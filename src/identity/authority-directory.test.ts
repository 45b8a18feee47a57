import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { certificateAuthority } from "../../test/kubernetes/certificates.js";
import { endedIssuer } from "../../test/ended-issuer.js";
import { createAuthority, hasAuthority, Issuer, keepTrustRoot, readAuthority, rootsFile } from "./index.js";

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "mesh-ca-"))));
afterEach(() => rm(directory, { recursive: true }));

const file = (name: string) => join(directory, "ca", name);

test("a root signs an issuer, for the trust domain", async () => {
  expect(await createAuthority(directory, "mesh.test")).toEqual({ ok: true, value: undefined });
  const read = await readAuthority(directory);
  if (!read.ok) throw new Error(read.error);
  const root = new X509Certificate(await readFile(rootsFile(directory)));
  const { certificate } = read.value.keys;
  expect(read.value.trustDomain).toBe("mesh.test");
  expect(root.verify(root.publicKey)).toBe(true);
  expect(certificate.checkIssued(root) && certificate.verify(root.publicKey)).toBe(true);
  expect(certificate.ca).toBe(true);
  expect(certificate.subjectAltName).toBe("URI:spiffe://mesh.test");
});

test("only certificates can be read by others than the owner", async () => {
  await createAuthority(directory, "mesh.test");
  const modes = await Promise.all(
    (await readdir(join(directory, "ca"))).map(async (name) => {
      const { mode } = await stat(file(name));
      return `${name} ${(mode & 0o777).toString(8)}`;
    }),
  );
  expect(modes.sort()).toEqual(["ca.crt 644", "ca.key 600", "tls.crt 644", "tls.key 600", "token.key 600"]);
  expect(await readdir(directory)).toEqual(["ca"]);
});

test("of several that are made at once one stays, and none is replaced", async () => {
  const made = await Promise.all([1, 2, 3].map(() => createAuthority(directory, "mesh.test")));
  expect(made.filter(({ ok }) => ok)).toHaveLength(1);
  const before = await readFile(rootsFile(directory), "utf8");
  const again = await createAuthority(directory, "mesh.test");
  expect(again.ok ? "" : again.error.message).toContain("is there already");
  expect(await readFile(rootsFile(directory), "utf8")).toBe(before);
});

test("one of the user's is taken, without the root's key", async () => {
  await createAuthority(directory, "mesh.test");
  const { certificate, key } = certificateAuthority("ours", 365, "URI:spiffe://ours.test");
  await Promise.all([writeFile(file("ca.crt"), certificate), writeFile(file("tls.crt"), certificate)]);
  await Promise.all([writeFile(file("tls.key"), key), rm(file("ca.key")), rm(file("token.key"))]);
  const read = await readAuthority(directory);
  expect(read.ok && read.value.trustDomain).toBe("ours.test");
  expect(await readFile(file("token.key"), "utf8")).toContain("PRIVATE KEY");
});

test("an issuer that ends soon is given its next certificate, for the same key", async () => {
  await createAuthority(directory, "mesh.test");
  const { certificate, key } = certificateAuthority("short", 30, "URI:spiffe://mesh.test");
  // It is its own root here: what signs the next one is what ca.key is the key of.
  await Promise.all([writeFile(file("ca.crt"), certificate), writeFile(file("tls.crt"), certificate)]);
  await Promise.all([writeFile(file("tls.key"), key), writeFile(file("ca.key"), key)]);
  const read = await readAuthority(directory);
  if (!read.ok) throw new Error(read.error);
  const next = new X509Certificate(await readFile(file("tls.crt")));
  expect(next.raw.equals(read.value.keys.certificate.raw)).toBe(true);
  expect(Date.parse(next.validTo)).toBeGreaterThan(Date.now() + 360 * 86_400_000);
  expect(next.publicKey.equals(new X509Certificate(certificate).publicKey)).toBe(true);
});

test("an issuer that has ended is given its next certificate, and without the root's key it is told why not", async () => {
  await createAuthority(directory, "mesh.test");
  const root = {
    certificate: await readFile(file("ca.crt"), "utf8"),
    key: await readFile(file("ca.key"), "utf8"),
  };
  const issuer = await endedIssuer(root);
  await Promise.all([writeFile(file("tls.crt"), issuer.certificate), writeFile(file("tls.key"), issuer.key)]);
  await rename(file("ca.key"), join(directory, "elsewhere"));
  const ended = `tls.crt expired on ${new Date(new X509Certificate(issuer.certificate).validTo).toISOString()}`;
  const error = (reason: string) => ({
    ok: false,
    error: `${join(directory, "ca")}: ${ended}, and ${reason}`,
  });
  expect(await readAuthority(directory)).toEqual(error("there is no ca.key to sign its next certificate"));
  await writeFile(file("ca.key"), "no key");
  expect(await readAuthority(directory)).toEqual(
    error("ca.key is no key that can sign its next certificate"),
  );
  await writeFile(file("ca.key"), issuer.key);
  expect(await readAuthority(directory)).toEqual(
    error("of its next certificate tls.crt is not signed by ca.crt"),
  );
  await rename(join(directory, "elsewhere"), file("ca.key"));
  const told: string[] = [];
  const observer = { failed: () => undefined, renewed: (message: string) => void told.push(message) };
  const kept = keepTrustRoot({
    source: { directory },
    observer: { ...observer, certified: () => undefined },
  });
  onTestFinished(() => kept.stop());
  await vi.waitFor(() => expect(kept.issuer()).toBeDefined(), { timeout: 30_000 });
  const next = new X509Certificate(await readFile(file("tls.crt")));
  expect(next.publicKey.equals(new X509Certificate(issuer.certificate).publicKey)).toBe(true);
  expect(told).toEqual([
    expect.stringMatching(/^the issuer's certificate ended on .*: it was given its next one, until /),
  ]);
});

test("a key for tokens is made once, however many look for it, and one that is none is named", async () => {
  await createAuthority(directory, "mesh.test");
  await rm(file("token.key"));
  const read = await Promise.all([1, 2, 3].map(() => readAuthority(directory)));
  const keys = read.map((one) => (one.ok ? one.value.tokenKey : one.error));
  expect(new Set(keys)).toEqual(new Set([await readFile(file("token.key"), "utf8")]));
  expect((await readdir(join(directory, "ca"))).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  for (const none of ["", "no key", certificateAuthority("rsa").certificate]) {
    await writeFile(file("token.key"), none);
    expect(await readAuthority(directory)).toEqual({
      ok: false,
      error: `${file("token.key")} is no private key, ECDSA P-256`,
    });
  }
});

test("one of another trust domain is not taken while the former signs", async () => {
  await createAuthority(directory, "mesh.test");
  const read = await readAuthority(directory);
  const first = read.ok ? await Issuer.open(read.value.keys, read.value.trustDomain) : read;
  if (!first.ok) throw new Error(first.error);
  await rm(join(directory, "ca"), { recursive: true });
  await createAuthority(directory, "other.test");
  const told: string[] = [];
  const observer = {
    failed: (message: string) => void told.push(message),
    renewed: () => undefined,
    certified: () => undefined,
  };
  const root = keepTrustRoot({ source: { directory }, first: first.value, observer });
  onTestFinished(() => root.stop());
  await vi.waitFor(() => expect(root.trouble()).toContain("trust domain other.test"), { timeout: 30_000 });
  expect(root.issuer()).toBe(first.value);
  expect(told).toEqual([
    "what signs is of the trust domain other.test now, and the mesh is of mesh.test; what was read before signs on",
  ]);
});

test("what is missing or wrong is named", async () => {
  expect(await hasAuthority(directory)).toBe(false);
  await createAuthority(directory, "mesh.test");
  await rm(file("tls.key"));
  expect(await readAuthority(directory)).toEqual({
    ok: false,
    error: `${file("tls.key")} cannot be read: ENOENT`,
  });
  await writeFile(file("tls.key"), "no key");
  expect(await readAuthority(directory)).toEqual({
    ok: false,
    error: `${join(directory, "ca")}: tls.key is not the key of tls.crt`,
  });
  const wrong = await createAuthority(directory, "Mesh Test");
  expect(wrong.ok ? 0 : wrong.error.exitStatus).toBe(2);
});

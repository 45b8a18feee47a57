import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { createToken, readToken, signToken } from "./token.js";

const newKey = () =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string;

const key = newKey();
const holder = { namespace: "shop", workload: { kind: "deployment", name: "web" } };
const after = (seconds: number) => new Date(Date.now() + seconds * 1000);

test("a token tells whose it is, also where the clock is five minutes late, until it ends", () => {
  const token = createToken(key, holder, 3600);
  expect(readToken(key, token, new Date())).toMatchObject({ ok: true, value: holder });
  expect(readToken(key, token, after(-300)).ok).toBe(true);
  expect(readToken(key, token, after(3590)).ok).toBe(true);
  expect(readToken(key, token, after(3601))).toMatchObject({ ok: false });
});

const now = Math.floor(Date.now() / 1000);
const claims = {
  aud: "mesh.dev",
  nbf: now - 10,
  exp: now + 10,
  namespace: "shop",
  workload: "deployment/web",
};

test.each([
  [{ ...claims, exp: now - 1 }, /^it expired on \d{4}-/],
  [{ ...claims, nbf: now + 3600 }, /^it is not valid before \d{4}-/],
  [{ ...claims, aud: "elsewhere" }, /^it is meant for "elsewhere", not for mesh.dev$/],
  [{ ...claims, aud: undefined }, /not for mesh.dev$/],
  [{ ...claims, exp: undefined }, /for how long/],
  [{ ...claims, workload: "web" }, /whose it is$/],
  [{ ...claims, workload: undefined }, /whose it is$/],
])("%j is refused", (wrong, reason) => {
  const read = readToken(key, signToken(key, wrong), new Date());
  expect(read.ok ? "" : read.error).toMatch(reason);
});

test("a token that was changed, is signed by another key, by none, or is no token is refused", () => {
  const token = createToken(key, holder, 3600);
  const [header = "", , signature = ""] = token.split(".");
  const other = Buffer.from(JSON.stringify({ ...claims, workload: "deployment/admin" })).toString(
    "base64url",
  );
  const unsigned = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  for (const wrong of [
    `${header}.${other}.${signature}`,
    createToken(newKey(), holder, 3600),
    `${unsigned}.${other}.`,
    `${unsigned}.${other}.${signature}`,
  ]) {
    const read = readToken(key, wrong, new Date());
    expect(read.ok ? "" : read.error).toContain("is not signed by this mesh");
  }
  for (const none of ["", "a.b.c", "....", `${token}.x`]) {
    const read = readToken(key, none, new Date());
    expect(read.ok ? "" : read.error).toContain("no JSON Web Token");
  }
});

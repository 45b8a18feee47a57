import { expect, test } from "vitest";
import type { IdentityResponse__Output } from "../../../generated/mesh/api/v1/IdentityResponse.js";
import { authorityFinding, tokensFinding } from "./expiry.js";

const now = new Date("2030-01-01T00:00:00Z");
const inDays = (days: number) => ({ seconds: now.getTime() / 1000 + days * 86_400, nanos: 0 });
const sha256 = Buffer.alloc(32);

const authority = (root: number, issuer: number): IdentityResponse__Output => ({
  authority: {
    trustDomain: "mesh.test",
    roots: [{ sha256, notAfter: inDays(root) }],
    issuer: { sha256, notAfter: inDays(issuer) },
  },
  proxies: [],
  trouble: "",
});

const token = (from: number, until: number): IdentityResponse__Output => ({
  authority: null,
  trouble: "",
  proxies: [
    {
      ...{ namespace: "shop", name: "web-1", connected: true, trust: null },
      ...{ tokenFrom: inDays(from), tokenUntil: inDays(until) },
    },
  ],
});

test("a root and an issuer that end within 60 days are told of", () => {
  expect(authorityFinding(authority(3650, 365), now)).toEqual({ state: "passed", detail: "for 365 days" });
  expect(authorityFinding(authority(59, 50), now)).toMatchObject({
    state: "warning",
    hint: "mesh ca rotate --directory DIR",
  });
  expect(authorityFinding(authority(3650, 59), now)).toMatchObject({
    state: "warning",
    hint: expect.stringContaining("ca.key") as string,
  });
  expect(authorityFinding(token(0, 1), now).state).toBe("passed");
});

test("what can be used no more is told of, whatever its time", () => {
  const trouble = "DIR/ca/tls.key cannot be read: ENOENT";
  expect(authorityFinding({ ...authority(3650, 365), trouble }, now)).toMatchObject({
    state: "failed",
    detail: expect.stringContaining(trouble) as string,
  });
});

test("a token is told of 60 days before it ends, or when a third of a short time is left", () => {
  expect(tokensFinding(token(-300, 61), now).state).toBe("passed");
  expect(tokensFinding(token(-300, 59), now)).toMatchObject({
    state: "warning",
    detail: expect.stringContaining("shop/web-1") as string,
  });
  expect(tokensFinding(token(-0.5, 0.5), now).state).toBe("passed");
  expect(tokensFinding(token(-0.8, 0.2), now).state).toBe("warning");
});

import { expect, test } from "vitest";
import type { CertifiedProxy__Output } from "../../generated/mesh/api/v1/CertifiedProxy.js";
import { overdueFinding } from "./renewal.js";

const now = new Date("2030-01-01T00:00:00Z");

const proxy = (name: string, hours: number, connected = true): CertifiedProxy__Output => {
  const notAfter = { seconds: now.getTime() / 1000 + hours * 3600, nanos: 0 };
  return {
    ...{ namespace: "shop", name, connected, tokenFrom: null, tokenUntil: null },
    trust: { givenRoots: [], roots: [], issuer: Buffer.alloc(0), notAfter },
  };
};

const finding = (...proxies: CertifiedProxy__Output[]) =>
  overdueFinding({ authority: null, trouble: "", proxies }, { now, log: "its log" });

test("a certificate is told of that should have been renewed, or has ended, while its proxy is connected", () => {
  expect(finding(proxy("new", 24), proxy("renewing", 5), proxy("gone", 1, false)).state).toBe("passed");
  expect(finding({ ...proxy("silent", 1), trust: null }).state).toBe("passed");
  expect(finding(proxy("late", 3), proxy("ended", -2))).toEqual({
    state: "warning",
    detail: "not renewed, though it is time: shop/late (ends in 3h), shop/ended (ended 2h ago)",
    hint: "its log",
  });
});

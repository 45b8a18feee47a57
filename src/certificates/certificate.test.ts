import { expect, test } from "vitest";
import { certificateAuthority, serverCertificate } from "../../test/kubernetes/certificates.js";
import { daysLeft, invalidity, isSignedBy, parseCertificates } from "./certificate.js";

const DAY_MS = 86_400_000;
const after = (days: number) => new Date(Date.now() + days * DAY_MS);

const authority = certificateAuthority("authority", 100);
const certificate = serverCertificate(authority, ["DNS:web"], 10);

test("the first of several certificates to end says how many days are left", () => {
  const both = parsed(authority.certificate + certificate.certificate);
  expect(both).toHaveLength(2);
  expect(daysLeft(both, after(2.5))).toBe(7);
  expect(daysLeft(both, after(10.5))).toBe(-1);
});

test("one that is over, or not valid yet, says when", () => {
  const [one] = parsed(certificate.certificate);
  expect(invalidity(one, new Date())).toBeUndefined();
  const day = after(10).toISOString().slice(0, 10);
  expect(invalidity(one, after(11))).toContain(`expired on ${day}T`);
  expect(invalidity(one, after(-1))).toContain("is not valid before");
});

test("only the authority that signed it is taken for it, not another of the same name", () => {
  const [one] = parsed(certificate.certificate);
  const same = parsed(authority.certificate);
  const impostor = parsed(certificateAuthority("authority").certificate);
  expect(isSignedBy(one, [...impostor, ...same])).toBe(true);
  expect(isSignedBy(one, impostor)).toBe(false);
});

test.each(["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])(
  "%j is no certificate",
  (text) => {
    expect(parseCertificates(text).ok).toBe(false);
  },
);

test("text between certificates is passed over, and of a text that is cut off nothing is taken", () => {
  const both = `# first\n${authority.certificate}Subject: -----\n${certificate.certificate}end\n`;
  expect(parsed(both)).toHaveLength(2);
  for (const cut of [both.slice(0, -100), authority.certificate.slice(0, -100) + certificate.certificate]) {
    expect(parseCertificates(cut)).toEqual({ ok: false, error: "holds a certificate that is cut off" });
  }
});

function parsed(pem: string) {
  const result = parseCertificates(pem);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

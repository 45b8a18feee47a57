import { X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../result/index.js";

const DAY_MS = 86_400_000;

/** The certificates of a PEM text, in order; the error says what was found instead. */
export function parseCertificates(pem: string): Result<[X509Certificate, ...X509Certificate[]]> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  // One that is left out would no longer be trusted.
  if (blocks.length < pem.split("-----BEGIN CERTIFICATE-----").length - 1)
    return fail("holds a certificate that is cut off");
  try {
    const [first, ...rest] = blocks.map((block) => new X509Certificate(block));
    return first === undefined ? fail("holds no certificate") : ok([first, ...rest]);
  } catch {
    return fail("holds a certificate that cannot be read");
  }
}

/** Whole days until the first of the certificates ends; negative when it has. */
export function daysLeft(certificates: readonly X509Certificate[], now: Date): number {
  return Math.floor((endOf(certificates).getTime() - now.getTime()) / DAY_MS);
}

/** When the first of the certificates ends. */
export function endOf(certificates: readonly X509Certificate[]): Date {
  return new Date(Math.min(...certificates.map(({ validTo }) => Date.parse(validTo))));
}

/** What makes a certificate invalid at this time: `expired 3 days ago`, `is not valid before …`. */
export function invalidity({ validFrom, validTo }: X509Certificate, now: Date): string | undefined {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  if (now.getTime() < from) return `is not valid before ${new Date(from).toISOString()}`;
  if (now.getTime() > to) return `expired on ${new Date(to).toISOString()}`;
  return undefined;
}

/** Whether one of the authorities signed the certificate. */
export function isSignedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

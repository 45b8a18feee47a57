import type { X509Certificate } from "node:crypto";
import {
  invalidity,
  type KeySecret,
  newWorkloadCertificate,
  openSigner,
  readRequest,
  type Signer,
  signWorkload,
} from "../certificates/index.js";
import { CONTROL_PLANE, NAMESPACE } from "../installed-names/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { type Account, CONTROL_PLANE_ACCOUNT, spiffeId } from "./names.js";

/** For how long a workload is certified. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;
/** The part of a certificate's time after which the next is asked for; so many proxies ask at different times. */
const RENEWED_AFTER = { least: 0.65, most: 0.75 } as const;
/** By which a proxy in a cluster calls the control plane. */
const CONTROL_PLANE_HOST = `${CONTROL_PLANE}.${NAMESPACE}.svc`;

/** A signed request. Certificates are in DER. */
export interface Certified {
  /** The workload's own first, then what signed it, without the root. */
  readonly certificates: readonly Buffer[];
  /** What workloads are to trust. */
  readonly roots: readonly Buffer[];
  readonly renewAt: Date;
}

/** The control plane's own certificate, then what signed it; PEM. */
export interface ServerCredentials {
  readonly certificate: string;
  readonly key: string;
  readonly renewAt: Date;
}

/** Why nothing was signed: the request is none, or the issuer cannot sign now. */
export interface Unsigned {
  readonly kind: "request" | "issuer";
  readonly message: string;
}

/** What signs certificates of workloads. */
export class Issuer {
  /** @param keys what signs, with its key @param trustDomain the mesh that its workloads are of */
  private constructor(
    readonly keys: KeySecret,
    readonly trustDomain: string,
    private readonly signer: Signer,
  ) {}

  /** Opens the issuer's key; the error says why it cannot sign. */
  static async open(keys: KeySecret, trustDomain: string): Promise<Result<Issuer>> {
    try {
      return ok(new Issuer(keys, trustDomain, await openSigner(keys.pem)));
    } catch {
      return fail("tls.key is of a kind that cannot be used; expected ECDSA on P-256 or P-384, or RSA");
    }
  }

  identityOf(account: Account): string {
    return spiffeId(this.trustDomain, account);
  }

  /** Signs a PKCS #10 request in DER for an account; of the request only the key is taken. */
  async certify(request: Uint8Array, account: Account): Promise<Result<Certified, Unsigned>> {
    const term = this.term();
    if (!term.ok) return fail({ kind: "issuer", message: term.error });
    const read = await readRequest(request);
    if (!read.ok) return fail({ kind: "request", message: `the certificate request ${read.error}` });
    const wishes = { spiffeId: this.identityOf(account), notAfter: term.value.notAfter };
    const certificate = await signWorkload(this.signer, read.value.publicKey, wishes);
    return ok({
      certificates: [Buffer.from(certificate.rawData), ...this.chain().map(({ raw }) => raw)],
      roots: this.keys.authorities.map(({ raw }) => raw),
      renewAt: term.value.renewAt,
    });
  }

  /** Makes a certificate for the control plane, with a new key. */
  async certifyControlPlane(): Promise<Result<ServerCredentials>> {
    const term = this.term();
    if (!term.ok) return term;
    const { certificate, key } = await newWorkloadCertificate(this.signer, {
      spiffeId: this.identityOf(CONTROL_PLANE_ACCOUNT),
      hosts: [CONTROL_PLANE_HOST],
      notAfter: term.value.notAfter,
    });
    const chain = [certificate, ...this.chain().map((one) => one.toString())].join("");
    return ok({ certificate: chain, key, renewAt: term.value.renewAt });
  }

  /** What stands between a workload's certificate and the roots. */
  chain(): X509Certificate[] {
    const { certificate, intermediates, authorities } = this.keys;
    return [certificate, ...intermediates].filter(
      ({ raw }) => !authorities.some((authority) => authority.raw.equals(raw)),
    );
  }

  /** Until when what is signed now is valid, which is never longer than what signs. */
  private term(): Result<{ notAfter: Date; renewAt: Date }> {
    const now = Date.now();
    const signers = [this.keys.certificate, ...this.keys.intermediates];
    const invalid = signers.map((one) => invalidity(one, new Date(now))).find(Boolean);
    if (invalid !== undefined) return fail(`what signs certificates ${invalid}`);
    const end = Math.min(now + LIFETIME_MS, ...signers.map(({ validTo }) => Date.parse(validTo)));
    const part = RENEWED_AFTER.least + Math.random() * (RENEWED_AFTER.most - RENEWED_AFTER.least);
    return ok({ notAfter: new Date(end), renewAt: new Date(now + part * (end - now)) });
  }
}

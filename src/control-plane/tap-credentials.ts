import { ChannelCredentials } from "@grpc/grpc-js";
import { createSecureContext, type PeerCertificate } from "node:tls";
import type { Sidecar } from "../catalog/index.js";
import type { TrustRoot } from "../identity/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { OwnCertificate } from "./own-certificate.js";

/** How sidecars are connected to be tapped: each must prove to be itself, and is shown that it is the control plane who taps. */
export class TapCredentials {
  readonly #root: Pick<TrustRoot, "issuer"> | undefined;
  readonly #own: OwnCertificate | undefined;

  /** @param root left out where nobody is certified: then all tap services are taken to speak plain text */
  constructor(root?: Pick<TrustRoot, "issuer">) {
    this.#root = root;
    this.#own = root && new OwnCertificate(root);
  }

  /** For one connection. The error says what is missing on the side of the control plane. */
  async of({ tapIdentity }: Pick<Sidecar, "tapIdentity">): Promise<Result<ChannelCredentials>> {
    if (tapIdentity === undefined) return ok(ChannelCredentials.createInsecure());
    const own = await this.#own?.current();
    const issuer = this.#root?.issuer();
    if (own?.ok === false) return own;
    if (!own?.value || !issuer)
      return fail("the control plane has no certificate yet, without which it lets nobody watch");
    const { certificate, key } = own.value;
    const ca = issuer.keys.authorities.map(String);
    const context = createSecureContext({ ca, cert: certificate, key, minVersion: "TLSv1.3" });
    const checkServerIdentity = (_host: string, shown: PeerCertificate) => whyNot(shown, tapIdentity);
    return ok(ChannelCredentials.createFromSecureContext(context, { checkServerIdentity }));
  }
}

/** Why a certificate is not that of an identity, which must be its one URI; undefined when it is. */
function whyNot({ subjectaltname = "" }: PeerCertificate, identity: string): Error | undefined {
  const names = subjectaltname.split(", ").filter((name) => name.startsWith("URI:"));
  const shown = names.map((name) => name.slice("URI:".length)).join(" and ") || "nobody";
  return shown === identity ? undefined : new Error(`it proves to be ${shown}, not ${identity}`);
}

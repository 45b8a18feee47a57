import type { Issuer, ServerCredentials, TrustRoot } from "../identity/index.js";
import { ok, type Result } from "../result/index.js";

/** By what the control plane shows who it is: made as soon as there is what signs it, and anew when that changes or it is due. */
export class OwnCertificate {
  readonly #root: Pick<TrustRoot, "issuer">;
  #made: { issuer: Issuer; credentials: ServerCredentials } | undefined;
  /** For all who ask meanwhile. */
  #looking: Promise<Result<ServerCredentials | undefined>> | undefined;

  constructor(root: Pick<TrustRoot, "issuer">) {
    this.#root = root;
  }

  /** That of the moment, the same object until there is another; undefined while there is nothing that signs. */
  current(): Promise<Result<ServerCredentials | undefined>> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<Result<ServerCredentials | undefined>> {
    const issuer = this.#root.issuer();
    const made = this.#made;
    if (!issuer || (made?.issuer === issuer && new Date() < made.credentials.renewAt))
      return ok(made?.credentials);
    const certified = await issuer.certifyControlPlane();
    if (certified.ok) this.#made = { issuer, credentials: certified.value };
    return certified;
  }
}

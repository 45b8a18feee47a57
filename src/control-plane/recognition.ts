import { status } from "@grpc/grpc-js";
import type { ConnectedProxy } from "../catalog/index.js";
import type { Account } from "../identity/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Why a proxy is refused, as it is counted. */
export type RefusalReason =
  | "malformed"
  | "plain-text"
  | "no-token"
  | "invalid-token"
  | "other-pod"
  | "other-workload"
  | "other-address"
  | "other-identity"
  | "not-verified"
  | "not-signed";

/** Why a proxy is refused; the details are for whoever reads the log, the proxy's own included. */
export interface ProxyRefusal {
  readonly reason: RefusalReason;
  readonly details: string;
}

/** How a stream ends for the reason. */
export const REFUSAL_STATUS: Readonly<Record<RefusalReason, status>> = {
  malformed: status.INVALID_ARGUMENT,
  "plain-text": status.UNAUTHENTICATED,
  "no-token": status.UNAUTHENTICATED,
  "invalid-token": status.UNAUTHENTICATED,
  "other-pod": status.PERMISSION_DENIED,
  "other-workload": status.PERMISSION_DENIED,
  "other-address": status.PERMISSION_DENIED,
  "other-identity": status.PERMISSION_DENIED,
  "not-verified": status.UNAVAILABLE,
  "not-signed": status.UNAVAILABLE,
};

/** Finds out whether a proxy is who it says it is. `authorization` is what it sent by that name. */
export type Recognize = (
  said: ConnectedProxy,
  authorization: string | undefined,
) => Promise<Result<Recognized, ProxyRefusal>>;

/** For how long a token is valid. */
export interface TokenTerm {
  readonly from: Date;
  readonly until: Date;
}

/** A proxy of which it is known who it is. */
export interface Recognized {
  /** Of the token that it has shown, where that is one of the mesh's own. */
  readonly token?: TokenTerm;
  /**
   * Tells as whom the proxy counts, at once and whenever that changes: undefined while there is nothing that it could be the
   * proxy of, a refusal when it is not what it says after all. Returns what ends that.
   */
  follow(listener: (who: Result<ConnectedProxy, ProxyRefusal> | undefined) => void): () => void;
}

export const refusal = (reason: RefusalReason, details: string) => fail({ reason, details });

/** The proxy that asks for a certificate. */
export type Applicant = Pick<ConnectedProxy, "namespace" | "name">;

/** Finds out as which account a proxy may be certified. `authorization` is what it sent by that name. */
export type Vouch = (
  applicant: Applicant,
  authorization: string | undefined,
) => Promise<Result<Account, ProxyRefusal>>;

/** The token that a proxy shows. @param whose what token is expected, for the proxy's log */
export function bearerToken(authorization: string | undefined, whose: string): Result<string, ProxyRefusal> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  return token === undefined ? refusal("no-token", `expected ${whose} (MESH_PROXY_TOKEN_FILE)`) : ok(token);
}

/** The proxy with no other identity than its account's. @param identity of its account; undefined where nobody certifies any */
export function withIdentity(
  said: ConnectedProxy,
  identity: string | undefined,
): Result<ConnectedProxy, ProxyRefusal> {
  const { identity: claimed, ...rest } = said;
  if (claimed === undefined || identity === undefined) return ok(rest);
  if (claimed === identity) return ok(said);
  return refusal("other-identity", `the certificate is for ${claimed}, not for ${identity}`);
}

/** Outside Kubernetes, without a certificate authority, nobody vouches for proxies: each is who it says it is. */
export const atItsWord: Recognize = (said) => Promise.resolve(ok(always(withIdentity(said, undefined))));

/** Who connects by plain text to a control plane that speaks TLS is told so. */
export const refusePlainText: Recognize = () =>
  Promise.resolve(
    refusal("plain-text", "expected TLS: the proxy is to be given the mesh's roots (MESH_PROXY_TRUST_ROOTS)"),
  );

/** Counts as this for as long as its stream lasts. */
export const always = (who: Result<ConnectedProxy, ProxyRefusal>, token?: TokenTerm): Recognized => ({
  ...(token && { token }),
  follow(listener) {
    listener(who);
    return () => undefined;
  },
});

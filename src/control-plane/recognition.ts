import { status } from "@grpc/grpc-js";
import type { ConnectedProxy } from "../catalog/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Why a proxy is refused, as it is counted. */
export type RefusalReason =
  "malformed" | "no-token" | "invalid-token" | "other-pod" | "other-address" | "not-verified";

/** Why a proxy is refused; the details are for whoever reads the log, the proxy's own included. */
export interface ProxyRefusal {
  readonly reason: RefusalReason;
  readonly details: string;
}

/** How a stream ends for the reason. */
export const REFUSAL_STATUS: Readonly<Record<RefusalReason, status>> = {
  malformed: status.INVALID_ARGUMENT,
  "no-token": status.UNAUTHENTICATED,
  "invalid-token": status.UNAUTHENTICATED,
  "other-pod": status.PERMISSION_DENIED,
  "other-address": status.PERMISSION_DENIED,
  "not-verified": status.UNAVAILABLE,
};

/** Finds out whether a proxy is who it says it is. `authorization` is what it sent by that name. */
export type Recognize = (
  said: ConnectedProxy,
  authorization: string | undefined,
) => Promise<Result<Recognized, ProxyRefusal>>;

/** A proxy of which it is known who it is. */
export interface Recognized {
  /**
   * Tells as whom the proxy counts, at once and whenever that changes: undefined while there is nothing that it could be the
   * proxy of, a refusal when it is not what it says after all. Returns what ends that.
   */
  follow(listener: (who: Result<ConnectedProxy, ProxyRefusal> | undefined) => void): () => void;
}

export const refusal = (reason: RefusalReason, details: string) => fail({ reason, details });

/** Outside Kubernetes nobody vouches for proxies: each is who it says it is. */
export const atItsWord: Recognize = (said) =>
  Promise.resolve(
    ok({
      follow(listener) {
        listener(ok(said));
        return () => undefined;
      },
    }),
  );

/** How a request ended: answered with a status, or not answered, and why. */
export type Outcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** The value of `mesh-proxy-error`; empty when the service itself answered. */
      readonly proxyError: string;
      /** Of a call of gRPC; empty when there was none. */
      readonly grpcStatus?: string;
    }
  | { readonly kind: "failed"; readonly reason: string };

/** Why an outcome is not a success: `status 503 (no-endpoints)`, `grpc-status 14`, `timeout`; undefined when it is one. */
export function failureOf(outcome: Outcome): string | undefined {
  if (outcome.kind === "failed") return outcome.reason;
  const { status, grpcStatus, proxyError } = outcome;
  const by = proxyError === "" ? "" : ` (${proxyError})`;
  if (status < 200 || status >= 300) return `status ${status}${by}`;
  if (grpcStatus === undefined || grpcStatus === "0") return undefined;
  return `${grpcStatus === "" ? "no grpc-status" : `grpc-status ${grpcStatus}`}${by}`;
}

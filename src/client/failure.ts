import { type ServiceError, status } from "@grpc/grpc-js";
import { Failure } from "../output/index.js";
import type { Route } from "./route.js";

/** True for what a gRPC call ends with when it fails. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

/** True when the control plane is not there (any more), so that it makes sense to wait for it to come back. */
export function isUnavailable(failure: unknown): boolean {
  return (
    failure instanceof ApiFailure &&
    (failure.code === status.UNAVAILABLE || failure.code === status.DEADLINE_EXCEEDED)
  );
}

/** A call to the control plane that failed. */
export class ApiFailure extends Failure {
  private constructor(
    readonly code: status,
    message: string,
    hint?: string,
  ) {
    super(message, {
      ...(hint !== undefined && { hint }),
      exitStatus: code === status.INVALID_ARGUMENT ? 2 : 1,
    });
  }

  /** A call that was not accepted. */
  static of(route: Route, error: ServiceError): ApiFailure {
    return new ApiFailure(error.code, ...describe(route, error));
  }

  /** A call that was accepted, and whose other end is no longer there. */
  static wentAway({ place }: Route): ApiFailure {
    const hint = "the same again when it is back";
    return new ApiFailure(status.UNAVAILABLE, `the control plane ${place} went away`, hint);
  }
}

function describe(route: Route, error: ServiceError): [message: string, hint?: string] {
  const elsewhere = "name its address with --api HOST:PORT or MESH_API";
  switch (error.code) {
    case status.UNAVAILABLE: {
      const { message, hint } = route.whyUnavailable(reason(error.details));
      return hint === undefined ? [message] : [message, hint];
    }
    case status.DEADLINE_EXCEEDED:
      return [`the control plane ${route.place} did not answer in time`, `again later, or ${elsewhere}`];
    case status.UNIMPLEMENTED:
      return [
        `what answers ${route.place} is not a control plane of this version (${error.details})`,
        `mesh version on both sides, or ${elsewhere}`,
      ];
    case status.INVALID_ARGUMENT:
    case status.NOT_FOUND:
    case status.FAILED_PRECONDITION: {
      const [message = "", hint] = error.details.split("\ntry: ");
      return hint === undefined ? [message] : [message, hint];
    }
    default:
      return [`the control plane ${route.place} failed: ${error.details}`];
  }
}

/** The cause in a gRPC message about a connection that could not be made, in brackets. */
function reason(details: string): string {
  const code = /\b(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EAI_AGAIN)\b/.exec(
    details,
  )?.[1];
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ENOTFOUND: "no such host",
    EAI_AGAIN: "the name could not be resolved",
    EHOSTUNREACH: "host unreachable",
    ENETUNREACH: "network unreachable",
    ETIMEDOUT: "timed out",
    ECONNRESET: "connection reset",
  };
  const text = code === undefined ? undefined : words[code];
  return text === undefined ? "" : ` (${text})`;
}

import { Failure, type ExitStatus } from "../output/index.js";

/** Why a cluster could not be asked, or refused. */
export type ClusterFailureKind =
  | "no-kubeconfig"
  | "bad-kubeconfig"
  | "no-such-context"
  | "no-credentials"
  | "unreachable"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "expired"
  | "refused";

/** A question to a cluster that was not answered. Commands throw it as it is: its words are for the user. */
export class ClusterFailure extends Failure {
  constructor(
    readonly kind: ClusterFailureKind,
    message: string,
    options: { hint?: string; exitStatus?: ExitStatus } = {},
  ) {
    super(message, options);
    this.name = "ClusterFailure";
  }
}

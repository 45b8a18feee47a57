import { fail, ok, type Result } from "../result/index.js";
import type { Cluster } from "./cluster.js";
import type { ClusterFailure } from "./failure.js";
import type { KubernetesObject, ResourceType } from "./resource.js";

/** authentication.k8s.io/v1.TokenReview, as far as it is read. */
interface TokenReview extends KubernetesObject {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: Partial<TokenUser>;
    /** Those of the audiences asked for that the token is meant for. */
    readonly audiences?: readonly string[];
    readonly error?: string;
  };
}

const TOKEN_REVIEWS: ResourceType<TokenReview> = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenreviews",
  namespaced: false,
};

/** Whose a token is. */
export interface TokenUser {
  /** `system:serviceaccount:NAMESPACE:NAME` of a service account. */
  readonly username: string;
  /** What else the API server knows of it: `authentication.kubernetes.io/pod-name`, … */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Why nobody is known to have a token: it is not valid (with the API server's words), or nobody could be asked. */
export type TokenRefusal =
  | { readonly kind: "invalid"; readonly reason: string }
  | { readonly kind: "unanswered"; readonly failure: ClusterFailure };

/** Asks the API server whose a token is that is meant for `audience`. */
export async function reviewToken(
  cluster: Cluster,
  token: string,
  audience: string,
): Promise<Result<TokenUser, TokenRefusal>> {
  const review = await cluster.create(TOKEN_REVIEWS, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences: [audience] },
  });
  if (!review.ok) return fail({ kind: "unanswered", failure: review.error });
  const { authenticated, user, audiences, error } = review.value.status ?? {};
  if (authenticated !== true || user?.username === undefined) {
    return fail({ kind: "invalid", reason: error ?? "it is nobody's" });
  }
  // A server that knows nothing of audiences says nothing of them, and takes a token that is meant for itself.
  if (audiences?.includes(audience) !== true) {
    return fail({ kind: "invalid", reason: `it is not meant for ${audience}` });
  }
  return ok({ username: user.username, extra: user.extra ?? {} });
}

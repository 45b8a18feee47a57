// Projected service-account tokens, as an API server issues them for pods and reviews them.

/** authentication.k8s.io/v1.TokenReview, as it is asked. */
export interface TokenReview {
  readonly spec: { readonly token: string; readonly audiences?: readonly string[] };
}

/** The pod that a token is bound to. */
export interface TokenHolder {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Issued {
  readonly pod: TokenHolder;
  readonly audience: string;
  /** In seconds since the epoch. */
  readonly expires: number;
}

/** Issues tokens and tells whose they are. */
export class PodTokenIssuer {
  readonly #issued = new Map<string, Issued>();

  issue(pod: TokenHolder, { audience = "mesh.dev", seconds = 3600 } = {}): string {
    const expires = Math.floor(Date.now() / 1000) + seconds;
    const claims = { aud: [audience], exp: expires, jti: String(this.#issued.size) };
    const token = [{ alg: "RS256" }, claims, "signature"].map(encoded).join(".");
    this.#issued.set(token, { pod, audience, expires });
    return token;
  }

  review({ spec, ...review }: TokenReview): object {
    return { ...review, metadata: {}, spec, status: this.#status(spec) };
  }

  #status({ token, audiences = [] }: TokenReview["spec"]): object {
    const issued = this.#issued.get(token);
    const refused = (error: string) => ({ user: {}, error: `[invalid bearer token, ${error}]` });
    if (issued === undefined) return refused("square/go-jose: error in cryptographic primitive");
    const { pod, audience, expires } = issued;
    if (!audiences.includes(audience)) {
      return refused(
        `token audiences ${JSON.stringify([audience])} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      );
    }
    if (expires * 1000 <= Date.now()) return refused("service account token has expired");
    const extra = {
      "authentication.kubernetes.io/pod-name": [pod.name],
      "authentication.kubernetes.io/pod-uid": [pod.uid],
    };
    const username = `system:serviceaccount:${pod.namespace}:default`;
    return { authenticated: true, user: { username, extra }, audiences: [audience] };
  }
}

const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");

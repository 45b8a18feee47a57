import { createHash } from "node:crypto";
import { TOKEN_AUDIENCE } from "../inject/index.js";
import { type Cluster, reviewToken, type TokenUser } from "../kubernetes/index.js";
import { ok, type Result } from "../result/index.js";
import { type ProxyRefusal, refusal } from "./recognition.js";
import { Turns } from "./turns.js";

/** The API server is asked about so many tokens at a time, for all proxies may come at once. */
const MAX_REVIEWS = 32;

/** What was found out is believed for so long, unless the token ends before. */
const BELIEVED_MS = 60 * 60 * 1000;
const MAX_BELIEVED = 20_000;

/** A pod that a token is bound to. */
export interface BoundPod {
  readonly namespace: string;
  readonly name: string;
  /** Tells it from another one of its name. */
  readonly uid: string;
  /** The service account that it runs as. */
  readonly account: string;
}

interface Belief {
  readonly pod: BoundPod;
  /** In milliseconds since the epoch. */
  readonly until: number;
}

/**
 * Whose pod a token is, by the API server's word. A token that it has taken is believed until it ends, at most for an hour:
 * so proxies come back while the API server is away, and cost it nothing while it is there.
 */
export class PodTokens {
  readonly #cluster: Cluster;
  readonly #turns = new Turns(MAX_REVIEWS);
  /** By the token's hash, the oldest first. */
  readonly #believed = new Map<string, Belief>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async podOf(token: string): Promise<Result<BoundPod, ProxyRefusal>> {
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#believed.get(key);
    if (known && Date.now() < known.until) return ok(known.pod);
    const review = await this.#turns.run(() => reviewToken(this.#cluster, token, TOKEN_AUDIENCE));
    if (!review.ok) {
      return review.error.kind === "invalid"
        ? refusal("invalid-token", `the API server does not take the token: ${review.error.reason}`)
        : refusal("not-verified", `who the proxy is cannot be told now: ${review.error.failure.message}`);
    }
    const pod = podOfUser(review.value);
    if (pod === undefined) {
      return refusal("invalid-token", `the token of ${review.value.username} is not bound to a pod`);
    }
    this.#believe(key, { pod, until: Math.min(Date.now() + BELIEVED_MS, endOf(token)) });
    return ok(pod);
  }

  #believe(key: string, belief: Belief): void {
    this.#believed.delete(key);
    this.#believed.set(key, belief);
    for (const [oldest] of this.#believed) {
      if (this.#believed.size <= MAX_BELIEVED) return;
      this.#believed.delete(oldest);
    }
  }
}

/** The pod that a service account's token is bound to. */
function podOfUser({ username, extra }: TokenUser): BoundPod | undefined {
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  const name = extra["authentication.kubernetes.io/pod-name"]?.[0];
  const uid = extra["authentication.kubernetes.io/pod-uid"]?.[0];
  if (!namespace || !account || name === undefined || uid === undefined) return undefined;
  return { namespace, name, uid, account };
}

/** When a JSON Web Token that was found valid ends, in milliseconds since the epoch; now when it does not say. */
function endOf(token: string): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as {
      exp?: unknown;
    } | null;
    return typeof claims?.exp === "number" ? claims.exp * 1000 : Date.now();
  } catch {
    return Date.now();
  }
}

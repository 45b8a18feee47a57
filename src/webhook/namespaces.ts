import { type Cluster, type ClusterFailure, follow, NAMESPACES } from "../kubernetes/index.js";
import { ok, type Result } from "../result/index.js";

type Annotations = Readonly<Record<string, string>>;

/** The annotations of a cluster's namespaces, as they are now. */
export class Namespaces {
  /** Resolves when every namespace that there was at the start is known. */
  readonly complete: Promise<void>;
  readonly stop: () => void;
  readonly #cluster: Cluster;
  readonly #annotations = new Map<string, Annotations>();

  constructor(cluster: Cluster, failed: (failure: ClusterFailure) => void) {
    this.#cluster = cluster;
    const followed = follow(cluster, NAMESPACES, {
      put: (_key, { metadata }) => void this.#annotations.set(metadata.name, metadata.annotations ?? {}),
      remove: (key) => void this.#annotations.delete(key.slice(key.indexOf("/") + 1)),
      failed,
      recovered: () => undefined,
    });
    this.complete = followed.complete;
    this.stop = () => followed.stop();
  }

  /** Those of one namespace. One that is so new that nothing was told of it yet is asked for. */
  async annotationsOf(name: string): Promise<Result<Annotations, ClusterFailure>> {
    const known = this.#annotations.get(name);
    if (known) return ok(known);
    const found = await this.#cluster.list(NAMESPACES, { fieldSelector: `metadata.name=${name}` });
    return found.ok ? ok(found.value[0]?.metadata.annotations ?? {}) : found;
  }
}

import type { Namespaces } from "../catalog/index.js";
import {
  CONTROL_PLANE,
  OWNED_BY_CONTROL_PLANE,
  TRUST_ROOTS_CONFIG_MAP,
  TRUST_ROOTS_KEY,
} from "../installed-names/index.js";
import { type Cluster, CONFIG_MAPS, follow, type Followed } from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { keepUp, type Upkeep } from "../upkeep/index.js";

/** All is looked at again so often, for nobody may have told that the roots have changed. */
const LOOK_AFTER_MS = 60_000;
/**
 * Somebody who takes a copy away may be taking away the mesh: the rights to write it, or its namespace, go first, and by then it
 * is known.
 */
const CORRECTED_AFTER_MS = 1_000;
const WRITTEN_AT_A_TIME = 8;

/** What is published, and where. */
export interface Publication {
  readonly cluster: Cluster;
  readonly namespaces: Namespaces;
  /** The certificates that proxies are to trust, PEM, as they are where they are kept. */
  readonly readRoots: () => Promise<Result<string>>;
  /** Told of what stands in the way. */
  readonly failed: (message: string) => void;
}

/**
 * Keeps a copy of the roots in each namespace, in a ConfigMap that pods can mount. What is written is read anew from where the roots are
 * kept each time: so several replicas write the same, and none undoes what another has written of newer roots.
 */
export class PublishedRoots {
  readonly #publication: Publication;
  /** What each namespace's copy says. */
  readonly #copies = new Map<string, string | undefined>();
  readonly #upkeep: Upkeep;
  readonly #following: Followed;
  readonly #namespaceChanged = (name: string) => this.#look(name);
  #areCopiesKnown = false;
  /** What the copies are to say, as it was read last. */
  #roots: string | undefined;
  #correction: NodeJS.Timeout | undefined;

  constructor(publication: Publication) {
    this.#publication = publication;
    const { cluster, namespaces, failed } = publication;
    this.#upkeep = keepUp({ everyMs: LOOK_AFTER_MS, failed, lookAfter: () => this.#lookAfter() });
    this.#following = follow(
      cluster,
      CONFIG_MAPS,
      {
        put: (key, { data }) => this.#copyChanged(namespaceIn(key), data?.[TRUST_ROOTS_KEY]),
        remove: (key) => this.#copyChanged(namespaceIn(key), undefined),
        failed: ({ message }) => failed(message),
        recovered: () => undefined,
      },
      { fieldSelector: `metadata.name=${TRUST_ROOTS_CONFIG_MAP}` },
    );
    void this.#following.complete.then(() => {
      this.#areCopiesKnown = true;
      this.#upkeep.hasten();
    });
    namespaces.on("changed", this.#namespaceChanged);
  }

  /** The roots have changed where they are kept: the copies need not wait until all is looked at again. */
  rootsChanged(): void {
    this.#upkeep.hasten();
  }

  async stop(): Promise<void> {
    this.#publication.namespaces.off("changed", this.#namespaceChanged);
    this.#following.stop();
    clearTimeout(this.#correction);
    await this.#upkeep.stop();
  }

  /** A new namespace is not to wait: pods come right after it. */
  #look(namespace: string): void {
    if (this.#lacks(namespace)) this.#upkeep.hasten();
  }

  #copyChanged(namespace: string, copy: string | undefined): void {
    this.#copies.set(namespace, copy);
    if (copy === undefined) this.#copies.delete(namespace);
    if (!this.#areCopiesKnown || !this.#lacks(namespace)) return;
    this.#correction ??= setTimeout(() => {
      this.#correction = undefined;
      this.#upkeep.hasten();
    }, CORRECTED_AFTER_MS);
  }

  #lacks(namespace: string): boolean {
    const known = this.#publication.namespaces.get(namespace);
    return known !== undefined && !known.isEnding && this.#copies.get(namespace) !== this.#roots;
  }

  async #lookAfter(): Promise<Result<undefined>> {
    if (!this.#areCopiesKnown) return ok(undefined);
    const roots = await this.#publication.readRoots();
    // Why not is told by who looks after the root.
    if (!roots.ok) return ok(undefined);
    this.#roots = roots.value;
    const lacking = [...this.#publication.namespaces]
      .map(({ name }) => name)
      .filter((one) => this.#lacks(one));
    const failures: string[] = [];
    while (lacking.length > 0) {
      const written = await Promise.all(
        lacking.splice(0, WRITTEN_AT_A_TIME).map((one) => this.#write(one, roots.value)),
      );
      failures.push(...written.flatMap((one) => (one.ok ? [] : [one.error])));
    }
    const [first] = failures;
    return first === undefined ? ok(undefined) : fail(first);
  }

  async #write(namespace: string, roots: string): Promise<Result<undefined>> {
    const copy = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: TRUST_ROOTS_CONFIG_MAP, namespace, labels: OWNED_BY_CONTROL_PLANE },
      data: { [TRUST_ROOTS_KEY]: roots },
    };
    const written = await this.#publication.cluster.apply(CONFIG_MAPS, copy, CONTROL_PLANE);
    // A namespace that is gone, or going, is told of by its own watch.
    if (written.ok || !this.#lacks(namespace)) return ok(undefined);
    return fail(written.error.message);
  }
}

const namespaceIn = (key: string) => key.slice(0, key.indexOf("/"));

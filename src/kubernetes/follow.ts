import { setTimeout as sleep } from "node:timers/promises";
import type { Result } from "../result/index.js";
import type { Cluster, ListScope } from "./cluster.js";
import type { ClusterFailure } from "./failure.js";
import type { KubernetesObject, ResourceType } from "./resource.js";

/** A watch is begun anew after so long at the latest, each time another, so that many do not come back at once. */
const WATCH_SECONDS = { least: 240, most: 480 };

/** The API server sends a bookmark about once a minute; one that says nothing for so long is not there any more. */
const SILENCE_MS = 150_000;

/** Less than this between the beginnings of two watches would be a loop. */
const SHORTEST_WATCH_MS = 1_000;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Who follows the objects of a kind. A key is `namespace/name`. */
export interface Following<T extends KubernetesObject> {
  /** An object is there, or is there in another state. */
  put(key: string, object: T): void;
  /** It is there no longer. */
  remove(key: string): void;
  /** The API server cannot be asked at the moment, or refuses; what was told before stands. */
  failed(failure: ClusterFailure): void;
  /** It can be asked again. */
  recovered(): void;
}

/** Which objects of a kind are followed. */
export type FollowScope = Pick<ListScope, "fieldSelector">;

/** A kind that is being followed. */
export interface Followed {
  /** Resolves when every object that there was at the start has been told. */
  readonly complete: Promise<void>;
  /** Nothing is told after this. */
  stop(): void;
}

/**
 * Follows the objects of a kind, by a list and then a watch, for as long as it is not stopped: whatever happens to the
 * connection or the API server, it goes on from the last version that it knows, or lists again when that version is no
 * longer known there. What a new list lacks is told as removed only when that list is complete.
 */
export function follow<T extends KubernetesObject>(
  cluster: Cluster,
  type: ResourceType<T>,
  following: Following<T>,
  scope: FollowScope = {},
): Followed {
  const follower = new Follower(cluster, type, following, scope);
  return { complete: follower.complete, stop: () => follower.stop() };
}

class Follower<T extends KubernetesObject> {
  readonly complete: Promise<void>;
  readonly #cluster: Cluster;
  readonly #type: ResourceType<T>;
  readonly #following: Following<T>;
  readonly #scope: FollowScope;
  readonly #end = new AbortController();
  readonly #known = new Set<string>();
  /** From where the watch goes on; undefined when everything must be listed. */
  #version: string | undefined;
  #failing = false;
  #pauseMs = 0;
  #onComplete: () => void = () => undefined;

  constructor(cluster: Cluster, type: ResourceType<T>, following: Following<T>, scope: FollowScope) {
    this.#cluster = cluster;
    this.#type = type;
    this.#following = following;
    this.#scope = scope;
    this.complete = new Promise((resolve) => (this.#onComplete = resolve));
    void this.#run();
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      const outcome = this.#version === undefined ? await this.#list() : await this.#watch(this.#version);
      if (this.#isStopped()) return;
      if (outcome.ok) this.#succeeded();
      else await this.#pauseAfter(outcome.error);
    }
  }

  async #list(): Promise<Result<unknown, ClusterFailure>> {
    const listed = new Set<string>();
    const read = await this.#cluster.readPages(this.#type, this.#scope, (page) => {
      if (this.#isStopped()) return;
      for (const object of page) {
        listed.add(keyOf(object));
        this.#put(object);
      }
    });
    if (!read.ok || this.#isStopped()) return read;
    for (const key of this.#known) if (!listed.has(key)) this.#remove(key);
    this.#version = read.value;
    this.#onComplete();
    return read;
  }

  async #watch(since: string): Promise<Result<unknown, ClusterFailure>> {
    const began = performance.now();
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const answer = await this.#cluster.watch(
      this.#type,
      { ...this.#scope, since, forSeconds: between(WATCH_SECONDS.least, WATCH_SECONDS.most) },
      ({ type, object }) => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        this.#succeeded();
        this.#version = object.metadata.resourceVersion ?? this.#version;
        if (type === "DELETED") this.#remove(keyOf(object));
        else if (type !== "BOOKMARK") this.#put(object);
      },
      AbortSignal.any([this.#end.signal, silence.signal]),
    );
    clearTimeout(timer);
    // Something between us and the API server may end every answer at once.
    if (answer.ok) await this.#sleep(SHORTEST_WATCH_MS - (performance.now() - began));
    return answer;
  }

  #put(object: T): void {
    const key = keyOf(object);
    this.#known.add(key);
    this.#following.put(key, object);
  }

  #remove(key: string): void {
    if (this.#known.delete(key)) this.#following.remove(key);
  }

  #succeeded(): void {
    this.#pauseMs = 0;
    if (!this.#failing) return;
    this.#failing = false;
    this.#following.recovered();
  }

  async #pauseAfter(failure: ClusterFailure): Promise<void> {
    if (failure.kind === "expired") {
      this.#version = undefined;
      // The next list tells whether anything is wrong. The first one is not waited for, as a rule.
      if (this.#pauseMs === 0) {
        this.#pauseMs = FIRST_PAUSE_MS;
        return;
      }
    } else if (!this.#failing) {
      this.#failing = true;
      this.#following.failed(failure);
    }
    this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    // Half of it at least, so that those who failed together do not come back together.
    await this.#sleep(between(this.#pauseMs / 2, this.#pauseMs));
  }

  async #sleep(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    await sleep(milliseconds, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }

  #isStopped(): boolean {
    return this.#end.signal.aborted;
  }
}

function keyOf({ metadata: { namespace = "", name } }: KubernetesObject): string {
  return `${namespace}/${name}`;
}

function between(least: number, most: number): number {
  return Math.round(least + Math.random() * (most - least));
}

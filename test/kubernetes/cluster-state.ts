// The objects of a cluster in memory, answered as the API server answers: one by its address, many by a list.
import { isDeepStrictEqual } from "node:util";
import { type Answer, type Answering, type ReceivedRequest, statusAnswer, type Watch } from "./api-server.js";
import { PodTokenIssuer, type TokenReview } from "./pod-token-issuer.js";

/** An object with what its address needs. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly {
      readonly controller: boolean;
      readonly kind: string;
      readonly name: string;
    }[];
  };
  readonly [field: string]: unknown;
}

/** What GET /version of Kubernetes 1.33 answers. */
const VERSION = {
  major: "1",
  minor: "33",
  emulationMajor: "1",
  emulationMinor: "33",
  gitVersion: "v1.33.13",
  gitTreeState: "clean",
  goVersion: "go1.24.13",
  platform: "linux/amd64",
};

/** A cluster that tests change as they like. */
export class ClusterState {
  readonly #objects = new Map<string, StoredObject>();
  /** What was taken away, with the version since which it is gone. */
  readonly #removed: { address: string; object: StoredObject }[] = [];
  readonly #watches: { collection: string; name: string | undefined; watch: Watch }[] = [];
  #version = 0;
  /** The tokens of its pods. */
  readonly tokens = new PodTokenIssuer();
  /** What GET /version answers. */
  version: Readonly<Record<string, string>> = VERSION;
  /** What the API server's clock is ahead by. */
  aheadMs = 0;
  /** Which `verb resource` the user may do. */
  allows: (verb: string, resource: string) => boolean = () => true;

  /** Of a pod that port-forwards reach: the port of this machine where it listens. */
  readonly listening = new Map<string, number>();

  put(...objects: readonly StoredObject[]): void {
    for (const object of objects) this.#store(addressOf(object), object);
  }

  /** The object of the kind and name; it must be there. */
  get(kind: string, name: string): StoredObject {
    return this.#find(kind, name);
  }

  has(kind: string, name: string): boolean {
    return [...this.#objects.values()].some((one) => one.kind === kind && one.metadata.name === name);
  }

  /** Changes the object of the kind and name; it must be there. */
  change(kind: string, name: string, change: (object: StoredObject) => StoredObject): void {
    const found = this.#find(kind, name);
    this.put(change(found));
  }

  /** Every object of the kind. */
  all(kind: string): StoredObject[] {
    return [...this.#objects.values()].filter((one) => one.kind === kind);
  }

  /** Takes the object of the kind and name away; it must be there. */
  remove(kind: string, name: string, namespace?: string): void {
    const object =
      this.all(kind).find(({ metadata }) => metadata.namespace === namespace && metadata.name === name) ??
      this.#find(kind, name);
    const address = addressOf(object);
    this.#objects.delete(address);
    const removed = { address, object: atVersion(object, ++this.#version) };
    this.#removed.push(removed);
    this.#tell("DELETED", removed.address, removed.object);
  }

  /** For an API server. */
  readonly answer: Answering = (request) => {
    const answer = this.#answer(request);
    const date = new Date(Date.now() + this.aheadMs).toUTCString();
    return answer && { ...answer, headers: { Date: date } };
  };

  #find(kind: string, name: string): StoredObject {
    const found = [...this.#objects.values()].find((one) => one.kind === kind && one.metadata.name === name);
    if (found === undefined) throw new Error(`the cluster has no ${kind} ${name}`);
    return found;
  }

  #answer({ method, path, query, headers, body }: ReceivedRequest): Answer | undefined {
    if (path === "/version") return { body: this.version };
    if (method === "POST") return this.#post(path, body);
    const pod = PORT_FORWARD.exec(path)?.groups?.["pod"];
    if (pod !== undefined) {
      const forward = this.#objects.has(pod) ? this.listening.get(pod) : undefined;
      return forward === undefined ? undefined : { forward };
    }
    if (query.has("watch")) return { watch: (watch) => this.#watch(path, query, watch) };
    if (headers["content-type"] === "application/apply-patch+yaml") {
      return this.#apply(path, body as StoredObject);
    }
    const object = this.#objects.get(path);
    if (object !== undefined) {
      if (method === "DELETE") this.#objects.delete(path);
      if (method === "PUT") return this.#replace(path, object, body as StoredObject);
      if (method === "PATCH") return this.#patch(path, object, body as readonly PatchStep[]);
      return { body: object };
    }
    const items = this.#list(path, query);
    return items === undefined
      ? undefined
      : { body: { metadata: { resourceVersion: String(this.#version) }, items } };
  }

  /** Sends what has happened since the version that is asked for, and from then on what happens. */
  #watch(collection: string, query: URLSearchParams, watch: Watch): void {
    const since = Number(query.get("resourceVersion") ?? 0);
    const name = nameAskedFor(query);
    const isNews = ([address, object]: readonly [string, StoredObject]) =>
      addressMatches(address, collection, name) && Number(object.metadata.resourceVersion) > since;
    for (const { address, object } of this.#removed) {
      if (isNews([address, object])) watch.send({ type: "DELETED", object });
    }
    for (const entry of [...this.#objects].filter(isNews)) watch.send({ type: "ADDED", object: entry[1] });
    this.#watches.push({ collection, name, watch });
  }

  #tell(type: string, address: string, object: StoredObject): void {
    for (const { collection, name, watch } of this.#watches) {
      if (addressMatches(address, collection, name)) watch.send({ type, object });
    }
  }

  #post(path: string, body: unknown): Answer {
    if ((body as StoredObject).kind === "TokenReview") {
      return { status: 201, body: this.tokens.review(body as TokenReview) };
    }
    if ((body as StoredObject).kind.endsWith("Review")) {
      return { status: 201, body: this.#review(body as AccessReview) };
    }
    const address = `${path}/${(body as StoredObject).metadata.name}`;
    if (this.#objects.has(address)) return statusAnswer(409, "AlreadyExists", `${address} already exists`);
    return { status: 201, body: this.#store(address, body as StoredObject) };
  }

  /** Server-side apply, of one who owns every field that was ever set so: of two states of `data` the later one counts. */
  #apply(address: string, object: StoredObject): Answer {
    const before = this.#objects.get(address);
    const { labels } = object.metadata;
    const after = {
      ...before,
      ...object,
      metadata: {
        ...before?.metadata,
        ...object.metadata,
        labels: { ...before?.metadata.labels, ...labels },
      },
    };
    if (before && isDeepStrictEqual(before, after)) return { body: before };
    return { status: before ? 200 : 201, body: this.#store(address, after) };
  }

  #replace(address: string, before: StoredObject, object: StoredObject): Answer {
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      return statusAnswer(409, "Conflict", "the object has been modified");
    }
    return { body: this.#store(address, object) };
  }

  /** Of a JSON Patch, `test` and the adding or replacing of a key are understood. */
  #patch(address: string, before: StoredObject, steps: readonly PatchStep[]): Answer {
    const object = structuredClone(before);
    for (const { op, path, value } of steps) {
      const keys = path.split("/").slice(1);
      const last = keys.pop() ?? "";
      const holder = keys.reduce<unknown>((found, key) => (found as Record<string, unknown>)[key], object);
      if (op === "test" && (holder as Record<string, unknown>)[last] !== value) {
        return statusAnswer(422, "Invalid", `testing ${path} failed`);
      }
      if (op !== "test") (holder as Record<string, unknown>)[last] = value;
    }
    return { body: this.#store(address, object) };
  }

  #store(address: string, object: StoredObject): StoredObject {
    const stored = atVersion(object, ++this.#version);
    const type = this.#objects.has(address) ? "MODIFIED" : "ADDED";
    this.#objects.set(address, stored);
    this.#tell(type, address, stored);
    return stored;
  }

  #review(review: AccessReview): object {
    const { verb, resource } = review.spec.resourceAttributes;
    return { ...review, metadata: {}, status: { allowed: this.allows(verb, resource) } };
  }

  /** Undefined where no collection is. Of selectors only `key=value,…` of labels and `metadata.name=NAME` are understood. */
  #list(path: string, query: URLSearchParams): StoredObject[] | undefined {
    const selector = query.get("labelSelector") ?? "";
    const wanted = selector === "" ? [] : selector.split(",").map((term) => term.split("="));
    if (!COLLECTION.test(path)) return undefined;
    return [...this.#objects]
      .filter(([address]) => addressMatches(address, path, nameAskedFor(query)))
      .map(([, object]) => object)
      .filter(({ metadata }) => wanted.every(([key = "", value]) => metadata.labels?.[key] === value));
  }
}

const atVersion = (object: StoredObject, version: number): StoredObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(version) },
});

interface PatchStep {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

interface AccessReview {
  readonly spec: { readonly resourceAttributes: { readonly verb: string; readonly resource: string } };
}

/** The address of a pod's port-forward. */
const PORT_FORWARD = /^(?<pod>.*)\/portforward$/;

/** The address of a kind's objects: those of a namespace, or all. */
const COLLECTION = /^\/(api\/v1|apis\/[^/]+\/[^/]+)(\/namespaces\/[^/]+)?\/[^/]+$/;

/** As the API names a kind's objects. */
const pluralOf = (kind: string) => `${kind.toLowerCase().replace(/y$/, "ie")}s`;

function addressOf({ apiVersion, kind, metadata }: StoredObject): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${root}${within}/${pluralOf(kind)}/${metadata.name}`;
}

const nameAskedFor = (query: URLSearchParams): string | undefined =>
  /^metadata\.name=(.+)$/.exec(query.get("fieldSelector") ?? "")?.[1];

/** Whether an object (of the name, where one is asked for) lies in the collection, or in that of any namespace when the collection is of all. */
function addressMatches(address: string, collection: string, name: string | undefined): boolean {
  if (name !== undefined && !address.endsWith(`/${name}`)) return false;
  const own = address.slice(0, address.lastIndexOf("/"));
  return own === collection || own.replace(/\/namespaces\/[^/]+/, "") === collection;
}

import { fail, ok, type Result } from "../result/index.js";
import type { Duplex } from "node:stream";
import { CONNECT_WITHIN_MS, Connection, type HttpRequest, type Impersonation } from "./connection.js";
import { ClusterFailure } from "./failure.js";
import {
  type ClusterSelection,
  type KubeconfigUser,
  loadKubeconfig,
  type SelectedContext,
} from "./kubeconfig.js";
import { PODS } from "./pods.js";
import { PORT_FORWARD_PROTOCOL, PortForward } from "./port-forward.js";
import { type Doing, type Refusal, refusal } from "./refusal.js";
import { type KubernetesObject, resourcePath, type ResourceType } from "./resource.js";

/** Objects a page of a list; larger pages cost the API server memory, smaller ones cost round trips. */
const PAGE = 500;

/** As RBAC names them. */
const PORT_FORWARDS: ResourceType = { ...PODS, plural: "pods/portforward" };
const POD_LOGS: ResourceType = { ...PODS, plural: "pods/log" };

/** Which objects of a kind. */
export interface ListScope {
  /** Left out: those of every namespace. */
  readonly namespace?: string;
  /** As kubectl's -l: `app=web,tier!=cache`. */
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Somebody waits: a server that is silent for four seconds is one that cannot be reached. */
  readonly soon?: boolean;
}

/** From where a watch goes on, for how long, and over which objects. */
export interface WatchScope extends Pick<ListScope, "fieldSelector"> {
  /** A resource version. */
  readonly since: string;
  readonly forSeconds: number;
}

/** Whose log. */
export interface LogSource {
  readonly pod: string;
  readonly container: string;
  readonly namespace: string;
}

/** What happened to one object. A bookmark says only up to which resource version everything was told. */
export interface WatchEvent<T extends KubernetesObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

/** An answer to a question that is about no kind of object. */
export interface PlainAnswer {
  readonly body: string;
  /** What the API server's clock said, to the second. */
  readonly date: Date | undefined;
}

/** The API server of a cluster, as one user. Every question ends with an answer or a ClusterFailure; nothing is thrown. */
export class Cluster {
  /** The context's name in the kubeconfig. */
  readonly context: string;
  /** The namespace of the context; `default` when it has none. */
  readonly namespace: string;
  readonly #connection: Connection;

  private constructor({ name, namespace }: SelectedContext, connection: Connection) {
    this.context = name;
    this.namespace = namespace;
    this.#connection = connection;
  }

  /** Reads the kubeconfig; the connection is made with the first question. */
  static async open(
    selection: ClusterSelection,
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): Promise<Result<Cluster, ClusterFailure>> {
    const context = await loadKubeconfig(selection, env);
    if (!context.ok) return context;
    const whom = impersonation(selection, context.value.user);
    return ok(new Cluster(context.value, new Connection(context.value, whom)));
  }

  /** The API server's address, as the kubeconfig has it. */
  get server(): string {
    return this.#connection.server;
  }

  /** Whom the user acts as, by the API server's leave. */
  get as(): string | undefined {
    return this.#connection.impersonate?.user;
  }

  /** One object; `not-found` when there is none of the name. */
  get<T extends KubernetesObject>(
    type: ResourceType<T>,
    name: string,
    namespace?: string,
  ): Promise<Result<T, ClusterFailure>> {
    const doing = { verb: "get", type, namespace, name };
    return this.#object<T>({ method: "GET", target: resourcePath(type, namespace, name) }, doing);
  }

  /** Every object within the scope, read in pages. */
  async list<T extends KubernetesObject>(
    type: ResourceType<T>,
    scope: ListScope = {},
  ): Promise<Result<T[], ClusterFailure>> {
    const items: T[] = [];
    const read = await this.readPages(type, scope, (page) => void items.push(...page));
    return read.ok ? ok(items) : read;
  }

  /**
   * Gives every object within the scope to `onPage`, page by page, so that never all of them are held. Resolves with the
   * resource version from which `watch` goes on.
   */
  async readPages<T extends KubernetesObject>(
    type: ResourceType<T>,
    { namespace, labelSelector, fieldSelector, soon = false }: ListScope,
    onPage: (items: readonly T[]) => void,
  ): Promise<Result<string, ClusterFailure>> {
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (labelSelector !== undefined) query.set("labelSelector", labelSelector);
    if (fieldSelector !== undefined) query.set("fieldSelector", fieldSelector);
    for (;;) {
      const target = `${resourcePath(type, namespace)}?${query.toString()}`;
      const page = await this.#object<ObjectList<T>>(
        { method: "GET", target, ...(soon && { answerWithinMs: CONNECT_WITHIN_MS }) },
        { verb: "list", type, namespace },
      );
      if (!page.ok) return page;
      onPage(page.value.items ?? []);
      const { continue: next, resourceVersion = "" } = page.value.metadata;
      if (next === undefined || next === "") return ok(resourceVersion);
      query.set("continue", next);
    }
  }

  /**
   * Tells of every change to the objects of a kind since a resource version, until the API server ends the answer (it does
   * now and then) or the signal is aborted. Fails with `expired` when the server no longer knows the version.
   */
  async watch<T extends KubernetesObject>(
    type: ResourceType<T>,
    { since, forSeconds, fieldSelector }: WatchScope,
    onEvent: (event: WatchEvent<T>) => void,
    signal: AbortSignal,
  ): Promise<Result<undefined, ClusterFailure>> {
    const query = new URLSearchParams({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: since,
      timeoutSeconds: String(forSeconds),
      ...(fieldSelector !== undefined && { fieldSelector }),
    });
    const doing = { verb: "watch", type };
    const end = new AbortController();
    let failure: ClusterFailure | undefined;
    const onLine = (line: string) => {
      if (end.signal.aborted) return;
      const event = readEvent<T>(line);
      if (event.ok) {
        onEvent(event.value);
        return;
      }
      failure = this.#refused(event.error, doing);
      end.abort();
    };
    const answer = await this.#connection.follow(
      { method: "GET", target: `${resourcePath(type)}?${query.toString()}` },
      onLine,
      AbortSignal.any([signal, end.signal]),
    );
    if (failure !== undefined) return fail(failure);
    if (!answer.ok) return answer;
    return answer.value === undefined ? ok(undefined) : fail(this.#refused(answer.value, doing));
  }

  /**
   * Creates an object, or asks a question that the API takes as one (a SelfSubjectAccessReview).
   * @param body the object; `apiVersion` and `kind` included
   */
  create<T extends KubernetesObject>(
    type: ResourceType<T>,
    body: object,
    namespace?: string,
  ): Promise<Result<T, ClusterFailure>> {
    const target = resourcePath(type, namespace);
    return this.#object<T>(
      { method: "POST", target, body: JSON.stringify(body) },
      { verb: "create", type, namespace },
    );
  }

  /** Writes an object over the one of its name; `conflict` when that is no longer of the object's resource version. */
  replace<T extends KubernetesObject>(type: ResourceType<T>, object: T): Promise<Result<T, ClusterFailure>> {
    const { name, namespace } = object.metadata;
    const target = resourcePath(type, namespace, name);
    return this.#object<T>(
      { method: "PUT", target, body: JSON.stringify(object) },
      { verb: "update", type, namespace, name },
    );
  }

  /** Changes an object by a JSON Patch (RFC 6902). */
  patch<T extends KubernetesObject>(
    type: ResourceType<T>,
    patch: readonly object[],
    name: string,
    namespace?: string,
  ): Promise<Result<T, ClusterFailure>> {
    const request = {
      method: "PATCH",
      target: resourcePath(type, namespace, name),
      contentType: "application/json-patch+json",
      body: JSON.stringify(patch),
    } as const;
    return this.#object<T>(request, { verb: "patch", type, namespace, name });
  }

  /**
   * Makes an object what it is to be in the fields that are given (server-side apply), whether it is there or not. Where it is so already, nothing
   * is written. Another owner of such a field loses it.
   * @param owner of the fields
   */
  apply<T extends KubernetesObject>(
    type: ResourceType<T>,
    object: T,
    owner: string,
  ): Promise<Result<T, ClusterFailure>> {
    const { name, namespace } = object.metadata;
    const query = new URLSearchParams({ fieldManager: owner, force: "true" });
    const request = {
      method: "PATCH",
      target: `${resourcePath(type, namespace, name)}?${query.toString()}`,
      contentType: "application/apply-patch+yaml",
      body: JSON.stringify(object),
    } as const;
    return this.#object<T>(request, { verb: "patch", type, namespace, name });
  }

  /** Deletes an object. One that is not there is deleted. */
  async delete(
    type: ResourceType,
    name: string,
    namespace?: string,
  ): Promise<Result<undefined, ClusterFailure>> {
    const deleted = await this.#object(
      { method: "DELETE", target: resourcePath(type, namespace, name) },
      { verb: "delete", type, namespace, name },
    );
    return deleted.ok || deleted.error.kind === "not-found" ? ok(undefined) : deleted;
  }

  /** Gives every line that a container has printed, and prints, to `onLine`, until it ends or the signal is aborted. */
  async followLog(
    { pod, container, namespace }: LogSource,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<undefined, ClusterFailure>> {
    const query = new URLSearchParams({ container, follow: "true" });
    const target = `${resourcePath(PODS, namespace, pod)}/log?${query.toString()}`;
    const answer = await this.#connection.follow({ method: "GET", target }, onLine, signal);
    if (!answer.ok) return answer;
    const doing = { verb: "get", type: POD_LOGS, namespace, name: pod };
    return answer.value === undefined ? ok(undefined) : fail(this.#refused(answer.value, doing));
  }

  /** A path that belongs to no kind: `/version`, `/readyz`. The API server has these at hand, and is given four seconds. */
  async ask(path: string): Promise<Result<PlainAnswer, ClusterFailure>> {
    const answer = await this.#connection.send({
      method: "GET",
      target: path,
      answerWithinMs: CONNECT_WITHIN_MS,
    });
    if (!answer.ok) return answer;
    if (answer.value.status === 200) return ok({ body: answer.value.body, date: answer.value.date });
    return fail(this.#refused(answer.value, { verb: "get", path }));
  }

  /**
   * Connects to a port of a pod's loopback, through the API server and the pod's node. The stream ends with a
   * PortForwardError when the node cannot connect there.
   */
  async forward(pod: string, namespace: string, port: number): Promise<Result<Duplex, ClusterFailure>> {
    const target = `${resourcePath(PODS, namespace, pod)}/portforward?ports=${port}`;
    const opened = await this.#connection.webSocket(target, PORT_FORWARD_PROTOCOL);
    if (!opened.ok) return opened;
    if (!("status" in opened.value)) return ok(new PortForward(opened.value));
    const isGone = opened.value.status === 404;
    const doing = isGone
      ? { verb: "get", type: PODS, namespace, name: pod }
      : { verb: "get", type: PORT_FORWARDS, namespace };
    return fail(this.#refused(opened.value, doing));
  }

  /** Ends the connections that are kept open. */
  close(): void {
    this.#connection.close();
  }

  async #object<T>(request: HttpRequest, doing: Doing): Promise<Result<T, ClusterFailure>> {
    const answer = await this.#connection.send(request);
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    if (status < 200 || status >= 300) return fail(this.#refused(answer.value, doing));
    try {
      return ok(JSON.parse(body) as T);
    } catch {
      return fail(
        new ClusterFailure("refused", `what answers at ${this.server} is not a Kubernetes API server`),
      );
    }
  }

  #refused(answer: Refusal, doing: Doing): ClusterFailure {
    return refusal(answer, doing, this);
  }
}

/** Whom a command line says to act as, and if it does not, the user of the kubeconfig. */
function impersonation(
  { as, asGroups = [] }: ClusterSelection,
  user: KubeconfigUser | undefined,
): Impersonation | undefined {
  if (as !== undefined) return { user: as, groups: asGroups };
  if (!user?.impersonateUser) return undefined;
  return { user: user.impersonateUser, groups: user.impersonateGroups ?? [] };
}

interface ObjectList<T> extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly continue?: string };
  readonly items?: readonly T[];
}

/** A line of a watch; a line that tells of an error, or is none, is a refusal. */
function readEvent<T extends KubernetesObject>(line: string): Result<WatchEvent<T>, Refusal> {
  try {
    const { type, object } = JSON.parse(line) as { type: string; object: T & { code?: number } };
    if (type === "ADDED" || type === "MODIFIED" || type === "DELETED" || type === "BOOKMARK") {
      return ok({ type, object });
    }
    return fail({ status: object.code ?? 500, body: JSON.stringify(object) });
  } catch {
    return fail({ status: 500, body: "a line that is no event" });
  }
}

import type { HttpAnswer } from "./connection.js";
import { ClusterFailure } from "./failure.js";
import { type ResourceType, typeName } from "./resource.js";

/** An answer other than what was asked for. */
export type Refusal = Pick<HttpAnswer, "status" | "body">;

/** What is being asked, for messages. */
export type Doing =
  | { verb: string; type: ResourceType; namespace?: string | undefined; name?: string }
  | { verb: string; path: string };

/** Who asks whom. */
interface Asking {
  readonly server: string;
  readonly context: string;
  /** Whom the user acts as. */
  readonly as: string | undefined;
}

/** A refusal in words: who may not do what, where, or what else is wrong. */
export function refusal(
  { status, body }: Refusal,
  doing: Doing,
  { server, context, as }: Asking,
): ClusterFailure {
  const what = describe(doing);
  const said = messageOf(body);
  switch (status) {
    case 401:
      return new ClusterFailure(
        "unauthorized",
        `the API server at ${server} does not take the credentials of context ${context}`,
        { hint: `kubectl auth whoami --context ${context}` },
      );
    case 403:
      return forbidden(said, doing, as);
    case 404:
      return missing(body, doing, { server, context, as });
    case 410:
      return new ClusterFailure("expired", `the API server would not ${what}: ${said}`);
    case 409:
      return new ClusterFailure("conflict", `the API server would not ${what}: ${said}`);
    default:
      return new ClusterFailure("refused", `the API server would not ${what}: ${said || `status ${status}`}`);
  }
}

/** What the API server forbids need not be what was asked for: it may be to impersonate, or another verb that this takes. */
function forbidden(said: string, doing: Doing, as: string | undefined): ClusterFailure {
  const denied = DENIED.exec(said)?.groups;
  // The user may: a quota or a policy does not let it be.
  if (/ is forbidden: (?!User )/.test(said)) {
    return new ClusterFailure("refused", `the API server would not ${describe(doing)}: ${said}`);
  }
  const asked = "path" in doing ? undefined : doing;
  const isOther =
    denied !== undefined && (denied["verb"] !== asked?.verb || denied["resource"] !== asked?.type.plural);
  const meant: Doing = isOther
    ? {
        verb: denied["verb"] ?? "",
        type: {
          group: denied["group"] ?? "",
          version: "",
          plural: denied["resource"] ?? "",
          namespaced: denied["namespace"] !== undefined,
        },
        namespace: denied["namespace"],
      }
    : doing;
  return new ClusterFailure("forbidden", `${userIn(said)} may not ${describe(meant)}`, {
    // Whoever may not act as somebody is not that one.
    hint: canI(meant, meant.verb === "impersonate" ? undefined : as),
  });
}

/** The API server's words for a right that is missing. */
const DENIED =
  /cannot (?<verb>\S+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/;

/** `list pods in namespace shop`, `get secrets/trust-root in namespace mesh-system`, `list nodes in all namespaces` */
function describe(doing: Doing): string {
  if ("path" in doing) return `${doing.verb} ${doing.path}`;
  const { verb, type, namespace, name } = doing;
  return `${verb} ${typeName(type)}${name === undefined ? "" : `/${name}`}${place(type, namespace)}`;
}

function place({ namespaced }: ResourceType, namespace: string | undefined): string {
  if (!namespaced) return "";
  return namespace === undefined ? " in all namespaces" : ` in namespace ${namespace}`;
}

function missing(body: string, doing: Doing, { server, context }: Asking): ClusterFailure {
  // What every API server has: one that has it not is none, or is elsewhere on that host.
  const noApi = (wanted: string) =>
    new ClusterFailure("unreachable", `no Kubernetes API is at ${server}: it has no ${wanted}`, {
      hint: `kubectl config view --minify --context ${context}`,
    });
  if ("path" in doing) return noApi(doing.path);
  const { type, namespace, name } = doing;
  const gone = (message: string) => new ClusterFailure("not-found", message);
  if (name !== undefined) return gone(`there is no ${typeName(type)}/${name}${place(type, namespace)}`);
  if (type.group !== "") return gone(`the API server has no ${typeName(type)} of version ${type.version}`);
  const said = statusMessage(body);
  return said === undefined
    ? noApi(typeName(type))
    : gone(`the API server would not ${describe(doing)}: ${said}`);
}

/** The question to kubectl that shows whether there is a right. @param as whom the user acts as */
export function canI(doing: Doing, as: string | undefined): string {
  const asWhom = as === undefined ? "" : ` --as ${as}`;
  if ("path" in doing) return `kubectl auth can-i ${doing.verb} ${doing.path}${asWhom}`;
  const { verb, type, namespace } = doing;
  const where = namespace === undefined ? (type.namespaced ? " -A" : "") : ` -n ${namespace}`;
  // kubectl takes what follows a slash for a name.
  const [plural = "", subresource] = type.plural.split("/");
  const part = subresource === undefined ? "" : ` --subresource=${subresource}`;
  return `kubectl auth can-i ${verb} ${typeName({ ...type, plural })}${part}${where}${asWhom}`;
}

/** The API server's own words: the message of a metav1.Status, or the body as it is. */
const messageOf = (body: string): string => statusMessage(body) ?? body.trim().split("\n")[0] ?? "";

/** The message of a metav1.Status; undefined when the body is none. */
function statusMessage(body: string): string | undefined {
  try {
    const status = JSON.parse(body) as { message?: unknown } | null;
    return typeof status?.message === "string" ? status.message : undefined;
  } catch {
    return undefined;
  }
}

/** `user 'jane'`: whom the API server took us for, when it says so. */
function userIn(message: string): string {
  const name = /User "([^"]+)"/.exec(message)?.[1];
  return name === undefined ? "this user" : `user '${name}'`;
}

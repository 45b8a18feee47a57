// How a person names resources on the command line: TYPE, TYPE/NAME or TYPE NAME, with kubectl's short names.
import { Failure, nearest } from "../output/index.js";

export { resourceAsJson, selectorOf } from "./message.js";

/** The long, singular form of every type of resource; the form that goes over the wire. */
export const RESOURCE_TYPES = [
  "deployment",
  "statefulset",
  "daemonset",
  "job",
  "cronjob",
  "pod",
  "service",
  "namespace",
  "node",
  "workload",
  "all",
] as const;

/** "workload" means any kind of workload; "all" several types at once, where a command allows it. */
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** Resources as a command names them; all of the type when there is no name. */
export interface ResourceReference {
  type: ResourceType;
  name?: string;
}

const SHORT_NAMES: Readonly<Partial<Record<ResourceType, readonly string[]>>> = {
  deployment: ["deploy"],
  statefulset: ["sts"],
  daemonset: ["ds"],
  cronjob: ["cj"],
  pod: ["po"],
  service: ["svc"],
  namespace: ["ns"],
  node: ["no"],
  workload: ["wl"],
};

const BY_NAME: ReadonlyMap<string, ResourceType> = new Map(
  RESOURCE_TYPES.flatMap((type) =>
    [type, ...(type === "all" ? [] : [`${type}s`]), ...(SHORT_NAMES[type] ?? [])].map((name) => [name, type]),
  ),
);

/** The type that a word names in its long, plural or short form (`deployment`, `deployments`, `deploy`). */
export function resourceType(word: string): ResourceType | undefined {
  return BY_NAME.get(word.toLowerCase());
}

/**
 * Reads TYPE, TYPE/NAME or TYPE NAME from a command's arguments or from one flag's value.
 * @param words one or two words
 * @param allowed the types that the command can answer for
 * @throws Failure with status 2 that says what was wrong, and what it could have been
 */
export function parseResource(
  words: readonly string[],
  allowed: readonly ResourceType[] = RESOURCE_TYPES,
): ResourceReference {
  const text = words.join(" ");
  const [typeWord = "", slashName, ...rest] = words[0]?.split("/") ?? [];
  const type = resourceType(typeWord);
  if (type === undefined) throw unknownType(typeWord, slashName, allowed);
  if (!allowed.includes(type)) {
    throw wrong(`'${typeWord}' is not possible here`, `one of ${allowed.join(", ")}`);
  }
  if (words.length > 2 || rest.length > 0 || (slashName !== undefined && words.length > 1)) {
    throw wrong(`'${text}' names more than one resource`, `${type}/NAME, or ${type} alone for all of them`);
  }
  const name = slashName ?? words[1];
  if (name === undefined) return { type };
  if (name === "") throw wrong(`'${text}' has no name after the slash`, `${type}/NAME, or ${type} alone`);
  if (type === "all") throw wrong(`'all' cannot have a name, and '${name}' was given`, `workload/${name}`);
  return { type, name };
}

/** The kinds of what owns instances; `workload` outside Kubernetes. */
export const WORKLOAD_KINDS: readonly ResourceType[] = [
  "deployment",
  "statefulset",
  "daemonset",
  "job",
  "cronjob",
  "workload",
];

/** Reads NAME or KIND/NAME, the kind in any of its forms; one without is a `workload`. Undefined when it names none. */
export function parseWorkload(text: string): { kind: ResourceType; name: string } | undefined {
  const [kindOrName = "", name, ...rest] = text.split("/");
  const kind = name === undefined ? "workload" : resourceType(kindOrName);
  const named = name ?? kindOrName;
  if (rest.length > 0 || kind === undefined || !WORKLOAD_KINDS.includes(kind) || !/^\S+$/.test(named))
    return undefined;
  return { kind, name: named };
}

function unknownType(word: string, name: string | undefined, allowed: readonly ResourceType[]): Failure {
  if (word === "")
    return wrong("the type of the resource is missing", `TYPE/NAME with one of ${allowed.join(", ")}`);
  const names = [...BY_NAME].filter(([, type]) => allowed.includes(type)).map(([known]) => known);
  const meant = nearest(word, names);
  if (meant !== undefined) {
    return wrong(`'${word}' is not a type of resource`, name === undefined ? meant : `${meant}/${name}`);
  }
  return wrong(
    `'${word}' is not a type of resource`,
    `one of ${allowed.join(", ")}; a workload is workload/${word}`,
  );
}

function wrong(message: string, hint: string): Failure {
  return new Failure(message, { hint, exitStatus: 2 });
}

import type { JsonObject } from "../manifest/index.js";
import { nearest } from "../output/index.js";
import { cidrMistake } from "./address.js";
import { type FieldMistake, type KindRule, objectsIn, textsIn } from "./mistake.js";

/** Kinds of workloads by the group that they are of. */
const KINDS: Readonly<Record<string, string>> = {
  Deployment: "apps",
  StatefulSet: "apps",
  DaemonSet: "apps",
  Job: "batch",
  CronJob: "batch",
  Pod: "",
  Service: "",
  Workload: "mesh.dev",
};

export const trafficPermission: KindRule = (spec) => [
  ...twoWaysToTarget(spec),
  ...objectsIn(spec["targetRefs"], "spec.targetRefs").flatMap(([target, field]) =>
    targetMistakes(target, field),
  ),
  ...objectsIn(spec["from"], "spec.from").flatMap(([caller, field]) => callerMistakes(caller, field)),
];

function twoWaysToTarget({ targetRefs, selector }: JsonObject): FieldMistake[] {
  if (targetRefs === undefined || selector === undefined) return [];
  const message = "targetRefs and selector are two ways to name workloads; give one of them";
  return [{ field: "spec.selector", message }];
}

function targetMistakes({ group, kind }: JsonObject, field: string): FieldMistake[] {
  if (typeof kind !== "string") return [];
  const expected = KINDS[kind];
  if (expected === undefined) return [unknownKind(kind, `${field}.kind`)];
  if (group === expected) return [];
  const message = `a ${kind} is of group ${JSON.stringify(expected)}, not ${JSON.stringify(group ?? "")}`;
  return [{ field: `${field}.group`, message }];
}

function callerMistakes(caller: JsonObject, field: string): FieldMistake[] {
  const mistakes: FieldMistake[] = [];
  for (const [{ kind }, place] of objectsIn(caller["workloads"], `${field}.workloads`)) {
    if (typeof kind === "string" && (KINDS[kind] === undefined || kind === "Service")) {
      mistakes.push(unknownKind(kind, `${place}.kind`));
    }
  }
  for (const [text, place] of textsIn(caller["cidrs"], `${field}.cidrs`)) {
    const message = cidrMistake(text);
    if (message !== undefined) mistakes.push({ field: place, message });
  }
  for (const [text, place] of textsIn(caller["identities"], `${field}.identities`)) {
    const message = identityMistake(text);
    if (message !== undefined) mistakes.push({ field: place, message });
  }
  const named = ["identities", "namespaces", "workloads"].find((key) => caller[key] !== undefined);
  if (caller["unauthenticated"] === true && named !== undefined) {
    const message = `a caller without an identity is in none of ${named}: the entry matches nobody`;
    mistakes.push({ field: `${field}.unauthenticated`, message });
  }
  return mistakes;
}

function unknownKind(kind: string, field: string): FieldMistake {
  const meant = nearest(
    kind,
    Object.keys(KINDS).filter((known) => known !== kind),
  );
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return { field, message: `${JSON.stringify(kind)} is no kind of workload${hint}` };
}

/** SPIFFE ID, sections 2.1 and 2.2, with a `*` at the end for the rest. */
function identityMistake(text: string): string | undefined {
  const [, domain = "", path = ""] = /^spiffe:\/\/([^/]*)(.*)$/.exec(text) ?? [];
  if (!/^[a-z0-9._-]+$/.test(domain)) return `${JSON.stringify(text)} has no trust domain after spiffe://`;
  if (!/^(\/[A-Za-z0-9._-]+)*(\/?\*)?$/.test(path.replace(/([A-Za-z0-9._-])\*$/, "$1/*"))) {
    return `${JSON.stringify(text)} is no SPIFFE identity; "*" stands only at its end`;
  }
  return undefined;
}

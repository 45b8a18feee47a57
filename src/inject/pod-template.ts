import {
  isArray,
  isObject,
  type Json,
  type JsonObject,
  type Path,
  showPath,
  valueAt,
} from "../manifest/index.js";

/** A kind of objects that hold a pod template, and where. */
export interface PodTemplateKind {
  /** The API group; empty for the core. */
  readonly group: string;
  readonly kind: string;
  /** The way from the object's root to the template, which has `metadata` and `spec`. */
  readonly path: Path;
}

const WORKLOAD: Path = ["spec", "template"];

const kinds = (path: Path, kind: string, ...groups: string[]): PodTemplateKind[] =>
  groups.map((group) => ({ group, kind, path }));

/** The kinds that are known without being told, in every version of their groups. */
export const KNOWN_KINDS: readonly PodTemplateKind[] = [
  ...kinds([], "Pod", ""),
  ...kinds(["template"], "PodTemplate", ""),
  ...kinds(WORKLOAD, "ReplicationController", ""),
  ...kinds(WORKLOAD, "Deployment", "apps", "extensions"),
  ...kinds(WORKLOAD, "DaemonSet", "apps", "extensions"),
  ...kinds(WORKLOAD, "ReplicaSet", "apps", "extensions"),
  ...kinds(WORKLOAD, "StatefulSet", "apps"),
  ...kinds(WORKLOAD, "Job", "batch"),
  ...kinds(["spec", "jobTemplate", "spec", "template"], "CronJob", "batch"),
  ...kinds(WORKLOAD, "Rollout", "argoproj.io"),
];

/** Reads `argoproj.io/Rollout=spec.template`; undefined when it is not of that form. */
export function parsePodTemplateKind(text: string): PodTemplateKind | undefined {
  const form = /^(?:([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)\/)?([A-Z][A-Za-z0-9]*)=([^.\s]+(?:\.[^.\s]+)*)$/;
  const [, group = "", kind, path] = form.exec(text) ?? [];
  return kind === undefined || path === undefined ? undefined : { group, kind, path: path.split(".") };
}

/** Where the pod template of an object is. */
export interface PodTemplate {
  readonly path: Path;
  readonly value: JsonObject;
  /** The pod's `spec`, which is there and a mapping. */
  readonly spec: JsonObject;
}

/** An object that has to hold a pod template and does not. */
export interface NoTemplate {
  /** What was found instead. */
  readonly reason: string;
}

/** The pod template of an object; undefined when it is of a kind that has none. */
export function findPodTemplate(
  object: Json,
  kinds: readonly PodTemplateKind[],
): PodTemplate | NoTemplate | undefined {
  if (!isObject(object)) return undefined;
  const { apiVersion, kind } = object;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  const known = kinds.find((candidate) => candidate.kind === kind && candidate.group === group);
  return known && templateAt(object, known.path);
}

function templateAt(object: JsonObject, path: Path): PodTemplate | NoTemplate {
  for (let length = 1; length <= path.length + 1; length++) {
    const way = [...path, "spec"].slice(0, length);
    const found = valueAt(object, way);
    if (!isObject(found)) return { reason: `${showPath(way)} is ${describe(found)}` };
  }
  const value = valueAt(object, path);
  const spec = valueAt(object, [...path, "spec"]);
  if (!isObject(value) || !isObject(spec)) return { reason: "no pod template" };
  return { path, value, spec };
}

/** What a value is, for a message. */
export function describe(value: Json | undefined): string {
  if (value === undefined) return "missing";
  if (value === null) return "empty";
  if (isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? "a text" : `a ${typeof value}`;
}

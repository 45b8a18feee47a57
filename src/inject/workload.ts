import { isArray, isObject, type Json, type JsonObject } from "../manifest/index.js";
import type { PodTemplate } from "./pod-template.js";

/** An object by kind and name, as reports show it: `deployment/web`. */
export function nameOfObject(object: Json): string {
  if (!isObject(object)) return "object";
  const kind = typeof object["kind"] === "string" ? object["kind"].toLowerCase() : "object";
  const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
  for (const name of [metadata["name"], metadata["generateName"]]) {
    if (typeof name === "string" && name !== "") return `${kind}/${name}`;
  }
  return kind;
}

/** The namespace that an object names, if it does. */
export function namespaceOfObject(object: Json): string | undefined {
  const metadata = isObject(object) && isObject(object["metadata"]) ? object["metadata"] : {};
  return typeof metadata["namespace"] === "string" ? metadata["namespace"] : undefined;
}

/** What `$(…)` in a variable of the sidecar stands for its pod's name. */
const OWN_NAME = "$(MESH_PROXY_NAME)";

/**
 * The workload that an object's pods belong to, as `MESH_PROXY_WORKLOAD` takes it: KIND/NAME with the owner that made the object,
 * if one did. Of objects whose name is yet to be made up, its beginning.
 */
export function workloadOf(object: JsonObject, template: PodTemplate): string {
  const owner = controllerOf(object);
  if (owner) return deploymentOf(owner, object) ?? nameOfOwner(owner);
  if (template.path.length === 0 || object["kind"] === "PodTemplate") return `pod/${OWN_NAME}`;
  const name = nameOfObject(object).replace(/-$/, "");
  return name.includes("/") ? name : `${name}/${OWN_NAME}`;
}

interface Owner {
  readonly kind: string;
  readonly name: string;
}

function controllerOf(object: JsonObject): Owner | undefined {
  const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
  const owners = isArray(metadata["ownerReferences"]) ? metadata["ownerReferences"].filter(isObject) : [];
  const { kind, name } = owners.find(({ controller }) => controller === true) ?? {};
  return typeof kind === "string" && typeof name === "string" ? { kind, name } : undefined;
}

function nameOfOwner({ kind, name }: Owner): string {
  const cronJob = kind === "Job" ? cronJobOf(name) : undefined;
  return cronJob === undefined ? `${kind.toLowerCase()}/${name}` : `cronjob/${cronJob}`;
}

/** The CronJob that made a Job of this name, if one did: it appends the minutes from 1970 to the Job's time, which are from 2019 to 2046 here. */
export function cronJobOf(job: string): string | undefined {
  return /^(.+)-(?:2[6-9]|3\d)\d{6}$/.exec(job)?.[1];
}

/** A Deployment names its ReplicaSets after itself and the hash that is a label of their pods. */
function deploymentOf({ kind, name }: Owner, pod: JsonObject): string | undefined {
  const metadata = isObject(pod["metadata"]) ? pod["metadata"] : {};
  const labels = isObject(metadata["labels"]) ? metadata["labels"] : {};
  const hash = labels["pod-template-hash"];
  if (kind !== "ReplicaSet" || typeof hash !== "string" || !name.endsWith(`-${hash}`)) return undefined;
  return `deployment/${name.slice(0, -hash.length - 1)}`;
}

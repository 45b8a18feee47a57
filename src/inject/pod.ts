import { isArray, isObject, type Json, type JsonObject, type Path } from "../manifest/index.js";
import type { PodTemplate } from "./pod-template.js";

/** A container of a pod template. */
export interface Container {
  /** From the object's root. */
  readonly path: Path;
  readonly name: string;
  readonly value: JsonObject;
  readonly isInit: boolean;
}

/** A port that a container declares. */
export interface ContainerPort {
  readonly path: Path;
  readonly name: string | undefined;
  readonly number: number;
  readonly protocol: string;
}

/** The containers of a pod template, init containers first. Items that are no mappings are left out. */
export function containersOf({ path, spec }: PodTemplate): Container[] {
  return (["initContainers", "containers"] as const).flatMap((list) =>
    objectsIn(spec[list]).map(([value, index]) => ({
      path: [...path, "spec", list, index],
      name: text(value["name"]) ?? "",
      value,
      isInit: list === "initContainers",
    })),
  );
}

/** The ports that a container declares. */
export function portsOf({ path, value }: Container): ContainerPort[] {
  return objectsIn(value["ports"]).flatMap(([port, index]) => {
    const number = port["containerPort"];
    if (typeof number !== "number") return [];
    const protocol = text(port["protocol"]) ?? "TCP";
    return [{ path: [...path, "ports", index], name: text(port["name"]), number, protocol }];
  });
}

/** The labels or annotations of a pod template that are text, as they have to be. */
export function textEntries(template: PodTemplate, of: "labels" | "annotations"): Record<string, string> {
  const { metadata } = template.value;
  const entries = isObject(metadata) && isObject(metadata[of]) ? Object.entries(metadata[of]) : [];
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** The DNS policy of a pod to which names of services mean nothing: it asks the node's DNS, or one of its own. */
export function otherDns({ spec }: PodTemplate): "Default" | "None" | undefined {
  const policy = spec["dnsPolicy"];
  return policy === "Default" || policy === "None" ? policy : undefined;
}

function objectsIn(list: Json | undefined): [JsonObject, number][] {
  if (!isArray(list)) return [];
  return list.flatMap((item, index) => (isObject(item) ? [[item, index] as [JsonObject, number]] : []));
}

const text = (value: Json | undefined) => (typeof value === "string" ? value : undefined);

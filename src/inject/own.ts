import { isArray, isObject, type Json, type Removal } from "../manifest/index.js";
import {
  EMPTY_BEFORE_ANNOTATION,
  INIT_CONTAINER,
  INJECTED_BY_ANNOTATION,
  MESHED_LABEL,
  NO_API_TOKEN_VOLUME,
  PROXY_CONTAINER,
  TOKEN_VOLUME,
  VERSION_ANNOTATION,
} from "./names.js";
import { textEntries } from "./pod.js";
import { findPodTemplate, type PodTemplateKind } from "./pod-template.js";

const OWN_ITEMS = [
  ["initContainers", INIT_CONTAINER],
  ["initContainers", PROXY_CONTAINER],
  ["containers", PROXY_CONTAINER],
  ["volumes", TOKEN_VOLUME],
  ["volumes", NO_API_TOKEN_VOLUME],
] as const;

const OWN_ENTRIES = [
  ["labels", MESHED_LABEL],
  ["annotations", VERSION_ANNOTATION],
  ["annotations", INJECTED_BY_ANNOTATION],
] as const;

/** What the mesh has added to an object earlier, by any version and with any options; nothing when it has not. */
export function ownParts(object: Json, kinds: readonly PodTemplateKind[]): Removal[] {
  const template = findPodTemplate(object, kinds);
  if (!template || "reason" in template) return [];
  if (!(INJECTED_BY_ANNOTATION in textEntries(template, "annotations"))) return [];
  const { path, spec, value } = template;
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const annotations = [...path, "metadata", "annotations"];
  return [
    ...(hasEntry(metadata["annotations"], EMPTY_BEFORE_ANNOTATION)
      ? [{ kind: "record", path: annotations, key: EMPTY_BEFORE_ANNOTATION } as const]
      : []),
    ...OWN_ENTRIES.filter(([entries, key]) => hasEntry(metadata[entries], key)).map(
      ([entries, key]): Removal => ({ kind: "entry", path: [...path, "metadata", entries], key }),
    ),
    ...OWN_ITEMS.filter(([list, name]) => hasItem(spec[list], name)).map(([list, name]): Removal => ({
      kind: "item",
      path: [...path, "spec", list],
      name,
    })),
  ];
}

/** Whether a container is the sidecar, and not one of somebody else's that has its name: a pod with such a one gets no sidecar. */
export const isSidecar = (container: {
  readonly name?: string;
  readonly env?: readonly { readonly name: string }[];
}): boolean =>
  container.name === PROXY_CONTAINER &&
  container.env?.some(({ name }) => name.startsWith("MESH_PROXY_")) === true;

const hasEntry = (entries: Json | undefined, key: string) => isObject(entries) && Object.hasOwn(entries, key);

const hasItem = (list: Json | undefined, name: string) =>
  isArray(list) && list.some((item) => isObject(item) && item["name"] === name);

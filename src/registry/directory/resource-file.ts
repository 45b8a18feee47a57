import { readManifest, type Mistake, type Value } from "../../manifest/index.js";
import {
  type Definition,
  definitionKey,
  type DefinitionMistake,
  type MeshKind,
  type ResourceName,
  secondDefinition,
  type SourceContent,
} from "../definitions/index.js";
import { Fields } from "./fields.js";
import { isLabelName, isObjectName } from "./names.js";
import { readExternalService, readServicePolicy } from "./policies.js";
import { readService } from "./service.js";
import { readTrafficPermission } from "./traffic-permission.js";
import { readWorkload } from "./workload.js";

interface Kind {
  apiVersion: string;
  kind: "Service" | MeshKind;
  read: (document: Fields, resource: ResourceName) => Definition | undefined;
}

const KINDS: readonly Kind[] = [
  { apiVersion: "v1", kind: "Service", read: readService },
  { apiVersion: "mesh.dev/v1alpha1", kind: "ExternalService", read: readExternalService },
  { apiVersion: "mesh.dev/v1alpha1", kind: "ServicePolicy", read: readServicePolicy },
  { apiVersion: "mesh.dev/v1alpha1", kind: "TrafficPermission", read: readTrafficPermission },
  { apiVersion: "mesh.dev/v1alpha1", kind: "Workload", read: readWorkload },
];
const OUR_GROUP = "mesh.dev/";

/** Reads a file of YAML resources. Kinds of others are passed over; ours, and Service, must be right. */
export function readResourceFile(text: string): SourceContent {
  const manifest = readManifest(text);
  const content: SourceContent = { definitions: [], mistakes: [...manifest.mistakes] };
  for (const document of manifest.documents) {
    const { definition, mistakes } = readDocument(document);
    content.mistakes.push(...mistakes);
    if (!definition) continue;
    const first = content.definitions.find(({ key }) => key === definition.key);
    if (first) content.mistakes.push(secondDefinition(definition, `line ${first.line}`));
    else content.definitions.push(definition);
  }
  return content;
}

function readDocument(value: Value): { definition?: Definition; mistakes: DefinitionMistake[] } {
  const mistakes: Mistake[] = [];
  const document = Fields.of(value, "", mistakes);
  if (!document) return { mistakes };
  const kind = kindOf(document);
  const resource = kind && readName(document, kind);
  const definition = resource && kind.read(document, resource);
  if (mistakes.length === 0) return definition ? { definition, mistakes } : { mistakes };
  return { mistakes: mistakes.map((mistake) => ({ ...mistake, key: resource?.key })) };
}

/** Undefined for what is none of ours, and for what should be and is not right. */
function kindOf(document: Fields): Kind | undefined {
  const apiVersion = document.string("apiVersion", "apiVersion: v1 or mesh.dev/v1alpha1", () => true);
  const name = document.string("kind", `kind: ${KINDS.map(({ kind }) => kind).join(", ")}`, () => true);
  if (apiVersion === undefined || name === undefined) return undefined;
  const kind = KINDS.find((known) => known.apiVersion === apiVersion && known.kind === name);
  if (kind || !apiVersion.startsWith(OUR_GROUP)) return kind;
  const ours = KINDS.filter((known) => known.apiVersion.startsWith(OUR_GROUP));
  if (ours.some((known) => known.apiVersion === apiVersion)) {
    document.wrong("kind", `a kind of ${apiVersion}: ${ours.map((known) => known.kind).join(", ")}`);
  } else document.wrong("apiVersion", [...new Set(ours.map((known) => known.apiVersion))].join(", "));
  return undefined;
}

function readName(document: Fields, { kind }: Kind): ResourceName | undefined {
  const metadata = document.map("metadata", "a map with a name");
  if (!metadata) return undefined;
  const isName = kind === "Service" ? isLabelName : isObjectName;
  const name = metadata.string("name", `a name of lower-case letters, digits and "-"`, isName);
  const namespace = metadata.has("namespace")
    ? metadata.string("namespace", `a name of lower-case letters, digits and "-"`, isLabelName)
    : "default";
  if (name === undefined || namespace === undefined) return undefined;
  return { key: definitionKey(kind, namespace, name), namespace, name, line: document.line };
}

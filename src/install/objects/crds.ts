import type { ICustomResourceDefinition } from "kubernetes-models/apiextensions.k8s.io/v1/CustomResourceDefinition";
import { plainOf, readManifest } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import { template, templatesIn } from "../../templates/index.js";
import { labelsOf } from "../../installed-names/index.js";

/** The mesh's own kinds. They are the same whatever the values are. */
export function crds({ version }: Pick<Installation, "version">): ICustomResourceDefinition[] {
  return templatesIn("crds").map((file) => {
    const crd = readCrd(`crds/${file}`);
    const labels = { ...labelsOf("mesh-crds", version), ...crd.metadata?.labels };
    return { ...crd, metadata: { ...crd.metadata, labels } };
  });
}

function readCrd(file: string): ICustomResourceDefinition {
  const { documents, mistakes } = readManifest(template(file));
  const [document] = documents;
  if (!document) throw new Error(`${file}: ${mistakes[0]?.message ?? "empty"}`);
  return plainOf(document) as unknown as ICustomResourceDefinition;
}

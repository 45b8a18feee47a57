import type { INamespace } from "kubernetes-models/v1/Namespace";
import type { Installation } from "../installation.js";
import { clusterMetadata, INJECT_LABEL, NAMESPACE } from "../../installed-names/index.js";

/** The namespace of the mesh, with Pod Security's strictest profile. Its pods bring their sidecars with them. */
export function namespace({ version }: Installation): INamespace {
  const metadata = clusterMetadata(NAMESPACE, NAMESPACE, version);
  const security = Object.fromEntries(
    ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
  );
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { ...metadata, labels: { ...metadata.labels, ...security, [INJECT_LABEL]: "disabled" } },
  };
}

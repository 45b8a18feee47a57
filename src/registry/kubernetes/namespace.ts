import type { Namespace as CatalogNamespace } from "../../catalog/index.js";
import type { Namespace } from "./kinds.js";

/** What is kept of a Namespace. */
export const readNamespace = ({ metadata: { name, labels = {} }, status }: Namespace): CatalogNamespace => ({
  name,
  labels,
  isEnding: status?.phase === "Terminating",
});

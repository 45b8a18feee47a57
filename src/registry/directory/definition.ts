import type { Catalog } from "../../catalog/index.js";
import type { Mistake } from "../../manifest/index.js";

/** What a file says about one service or one instance. */
export interface Definition {
  /** What it is and of what name, the same for all definitions of one thing: `Service default/web`. */
  key: string;
  /** Where it stands in its file, from 1. */
  line: number;
  /** Names that must be resolved, and the line where each stands. */
  hosts: ReadonlyMap<string, number>;
  /** Puts it into the catalog, with the IP addresses of its hosts. @param path of its file */
  put(catalog: Catalog, addressesOf: (host: string) => readonly string[], path: string): void;
  /** Takes it out of the catalog. */
  remove(catalog: Catalog): void;
}

/** The key of a definition; names compare in lower case. */
export const definitionKey = (
  kind: "Service" | "TrafficPermission" | "Workload",
  namespace: string,
  name: string,
) => `${kind} ${namespace}/${name}`.toLowerCase().replace(/^./, (first) => first.toUpperCase());

/** A mistake in a file. `key` names the definition that it spoils; without a key it may have been any. */
export interface DefinitionMistake extends Mistake {
  key?: string | undefined;
}

/** Everything that one file says. */
export interface FileContent {
  definitions: Definition[];
  mistakes: DefinitionMistake[];
}

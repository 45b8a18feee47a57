import type { Catalog } from "../../catalog/index.js";
import type { Mistake } from "../../manifest/index.js";

/** Where instances go. */
export type InstanceSink = Pick<Catalog, "putInstance" | "removeInstance">;

/** Where permissions go. */
export type PermissionSink = Pick<Catalog, "putPermission" | "removePermission">;

/** Where policies for services, and services outside of the mesh, go. */
export type PolicySink = Pick<Catalog, "policies">;

/** What a source (a file, an object of a cluster) says about one thing, and how it gets to where such things go. */
export interface Definition<Sink = Catalog> {
  /** What it is and of what name, the same for all definitions of one thing: `Service default/web`. */
  key: string;
  /** Where it stands in its source, from 1; 0 where there are no lines. */
  line: number;
  /** Names that must be resolved, and the line where each stands. */
  hosts: ReadonlyMap<string, number>;
  /** Puts it there, with the IP addresses of its hosts. @param source that it is of */
  put(sink: Sink, addressesOf: (host: string) => readonly string[], source: string): void;
  /** Takes it away again. */
  remove(sink: Sink): void;
}

/** What a resource is called. */
export interface ResourceName {
  key: string;
  namespace: string;
  name: string;
  line: number;
}

/** The mesh's own kinds. */
export type MeshKind = "ExternalService" | "ServicePolicy" | "TrafficPermission" | "Workload";

/** The key of a definition; names compare in lower case. */
export const definitionKey = (kind: "Service" | MeshKind, namespace: string, name: string) =>
  `${kind} ${namespace}/${name}`.toLowerCase().replace(/^./, (first) => first.toUpperCase());

/** A mistake in a source. `key` names the definition that it spoils; without a key it may have been any. */
export interface DefinitionMistake extends Mistake {
  key?: string | undefined;
}

/** Everything that one source says. */
export interface SourceContent<Sink = Catalog> {
  definitions: Definition<Sink>[];
  mistakes: DefinitionMistake[];
}

/** The mistake of a definition whose name is already taken at `where`. */
export function secondDefinition(
  { key, line }: Pick<Definition, "key" | "line">,
  where: string,
): DefinitionMistake {
  return { line, message: `found ${key} a second time; expected it once: ${where} defines it already` };
}

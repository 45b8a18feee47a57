import { someOf } from "../output/index.js";

/** The kinds whose resources are taken, and that nothing acts on yet; each with its plural. */
const PLURALS = { ServicePolicy: "ServicePolicies", ExternalService: "ExternalServices" } as const;

/** A resource of one of the mesh's own kinds. */
export interface NamedResource {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** All resources that have no effect, in one sentence; undefined when there are none. */
export function describeWithoutEffect(resources: readonly NamedResource[]): string | undefined {
  if (resources.length === 0) return undefined;
  const counts = Object.entries(PLURALS).flatMap(([kind, plural]) => {
    const count = resources.filter((resource) => resource.kind === kind).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? kind : plural}`];
  });
  const verb = resources.length === 1 ? "has" : "have";
  const names = resources.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`);
  return `${counts.join(" and ")} ${verb} no effect in this version: ${someOf(names)}`;
}

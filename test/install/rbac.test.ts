import { expect, test } from "vitest";
import { DOCUMENTED_ACCOUNTS, type DocumentedRight, documentedRights } from "./documented-rights.js";
import { find, objectsOf } from "./installations.js";

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

const objects = objectsOf("default");
const PARTS = objects.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => metadata.name);

type Right = Omit<DocumentedRight, "why">;

/** The rows of a part's tables, each of which must have a reason. */
const documented = (...of: Parameters<typeof documentedRights>): Right[] =>
  documentedRights(...of).map(({ why, ...right }) => {
    expect(why, JSON.stringify(right)).not.toBe("");
    return right;
  });

function rendered(kind: string, part: string): Right[] {
  if (!objects.some((object) => object.kind === kind && object.metadata.name === part)) return [];
  const { rules } = find(objects, kind, part) as unknown as { rules: Rule[] };
  return rules.map(({ apiGroups, resources, resourceNames = [], verbs }) => ({
    groups: apiGroups.map((group) => group || "core"),
    resources,
    names: resourceNames,
    verbs,
  }));
}

test("every account is documented", () => {
  expect([...DOCUMENTED_ACCOUNTS].sort()).toEqual([...PARTS].sort());
});

test.each(PARTS)("docs/rbac.md lists the rights of %s, with a reason each", (part) => {
  expect(documented(part, "the whole cluster")).toEqual(rendered("ClusterRole", part));
  expect(documented(part, "namespace `mesh-system`")).toEqual(rendered("Role", part));
});

test("nothing is allowed for everything, no Secret may be read but by name, and each binding binds its own account", () => {
  for (const object of objects.filter(({ kind }) => kind.endsWith("Role"))) {
    const { rules } = object as unknown as { rules: Rule[] };
    expect(JSON.stringify(rules)).not.toContain("*");
    for (const { resources, resourceNames, verbs } of rules) {
      if (resources.includes("secrets") && resourceNames === undefined) expect(verbs).toEqual(["create"]);
    }
  }
  for (const object of objects.filter(({ kind }) => kind.endsWith("RoleBinding"))) {
    const { name } = object.metadata;
    expect(object).toMatchObject({
      roleRef: { name },
      subjects: [{ kind: "ServiceAccount", name, namespace: "mesh-system" }],
    });
  }
});

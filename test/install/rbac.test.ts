import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { find, objectsOf } from "./installations.js";

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

const docs = readFileSync(new URL("../../docs/rbac.md", import.meta.url), "utf8");
const objects = objectsOf("default");
const PARTS = objects.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => metadata.name);

/** The rows of a part's table, without the reasons, each of which must be there. */
function documented(part: string, place: string): string[] {
  const section = docs.split(/^## /m).find((text) => text.startsWith(`${part}\n`)) ?? "";
  const [, table = ""] = new RegExp(`^In ${place}:\n\n((?:\\|.*\n)*)`, "m").exec(section) ?? [];
  const rows = table
    .split("\n")
    .slice(2)
    .filter((line) => line !== "");
  return rows.map((row) => {
    const [, group = "", resources = "", verbs = "", why = ""] = row.split("|").map((cell) => cell.trim());
    expect(why, row).not.toBe("");
    return [group, resources, verbs].join(" | ");
  });
}

function rendered(kind: string, part: string): string[] {
  if (!objects.some((object) => object.kind === kind && object.metadata.name === part)) return [];
  const { rules } = find(objects, kind, part) as unknown as { rules: Rule[] };
  return rules.map(({ apiGroups, resources, resourceNames = [], verbs }) => {
    const names = resourceNames.map((name) => ` \`${name}\``).join(",");
    return [
      apiGroups.map((group) => group || "core").join(", "),
      resources.join(", ") + names,
      verbs.join(", "),
    ].join(" | ");
  });
}

test("every account is documented", () => {
  expect([...docs.matchAll(/^## (\S+)$/gm)].map(([, name]) => name).sort()).toEqual([...PARTS].sort());
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

import { readFileSync } from "node:fs";

const docs = readFileSync(new URL("../../docs/rbac.md", import.meta.url), "utf8");

/** A row of a table of docs/rbac.md. */
export interface DocumentedRight {
  /** `core` is the group without a name. */
  readonly groups: readonly string[];
  readonly resources: readonly string[];
  /** Empty: objects of every name. */
  readonly names: readonly string[];
  readonly verbs: readonly string[];
  readonly why: string;
}

/** The accounts that docs/rbac.md has a section for. */
export const DOCUMENTED_ACCOUNTS = [...docs.matchAll(/^## (\S+)$/gm)].map(([, name = ""]) => name);

/** What docs/rbac.md says that an account may do. */
export function documentedRights(
  account: string,
  place: "the whole cluster" | "namespace `mesh-system`",
): DocumentedRight[] {
  const section = docs.split(/^## /m).find((text) => text.startsWith(`${account}\n`)) ?? "";
  const [, table = ""] = new RegExp(`^In ${place}:\n\n((?:\\|.*\n)*)`, "m").exec(section) ?? [];
  const rows = table.split("\n").slice(2);
  return rows.filter((row) => row !== "").map(readRow);
}

function readRow(row: string): DocumentedRight {
  const [, groups = "", resources = "", verbs = "", why = ""] = row.split("|").map((cell) => cell.trim());
  const list = (text: string) => text.split(", ").filter((item) => item !== "");
  return {
    groups: list(groups),
    resources: list(resources.replaceAll(/ `[^`]+`/g, "")),
    names: [...resources.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
    verbs: list(verbs),
    why,
  };
}

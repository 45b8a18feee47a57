import { expect, test } from "vitest";
import type { ResourceAuth__Output } from "../../generated/mesh/api/v1/ResourceAuth.js";
import { coloursFor } from "../output/index.js";
import { formatDecisions, formatPermissions } from "./table.js";

type Action = "ALLOW" | "DENY";

/** A Deployment of two pods with permissions of these actions, ports and pods. */
const resource = (
  defaultAction: Action,
  ...permissions: [action: Action, ports: number[], pods: number][]
): ResourceAuth__Output => ({
  resource: { type: "deployment", namespace: "shop", name: "web", pods: 2, meshedPods: 2 },
  defaultAction,
  permissions: permissions.map(([action, ports, pods], index) => ({
    permission: { namespace: "shop", name: `p${index}`, action, ports, http: [], from: [] },
    ...{ callers: [], pods, warnings: [] },
  })),
  decisions: (["ALLOW", "DENY"] as const).map((action) => ({
    ...{ clientIdentity: "", permission: "", action, count: 2 },
  })),
});

const options = { wide: false, namespaces: false, colours: coloursFor({ isTTY: false }) };

/** Of the rows below those of permissions: what decides, the action, and the ports. */
function otherwise(one: ResourceAuth__Output): string[] {
  const rows = formatPermissions([one], options).trim().split("\n").slice(1);
  const cells = rows.slice(one.permissions.length).map((row) => row.split(/ {2,}/).slice(1, 4));
  return cells.map((words) => words.join(" "));
}

test("where some are let in, the others are refused, and the default is for other ports", () => {
  expect(otherwise(resource("ALLOW"))).toEqual(["(default) ALLOW *"]);
  expect(otherwise(resource("ALLOW", ["DENY", [80], 2]))).toEqual(["(default) ALLOW *"]);
  expect(otherwise(resource("ALLOW", ["ALLOW", [443, 80], 2], ["ALLOW", [80], 1]))).toEqual([
    "(no ALLOW) DENY 80,443",
    "(default) ALLOW others",
  ]);
  expect(otherwise(resource("ALLOW", ["ALLOW", [], 2], ["ALLOW", [80], 2]))).toEqual(["(no ALLOW) DENY *"]);
  expect(otherwise(resource("ALLOW", ["ALLOW", [], 1]))).toEqual(["(no ALLOW) DENY *", "(default) ALLOW *"]);
  expect(otherwise(resource("DENY", ["ALLOW", [], 2]))).toEqual(["(default) DENY *"]);
});

test("a refusal without a permission is not laid to a default that allows", () => {
  const decided = (defaultAction: Action) =>
    formatDecisions([resource(defaultAction, ["ALLOW", [80], 2])], options).match(
      /\((default|no ALLOW)\) +\w+/g,
    );
  expect(decided("ALLOW")).toEqual(["(default)    ALLOW", "(no ALLOW)   DENY"]);
  expect(decided("DENY")).toEqual(["(default)    ALLOW", "(default)    DENY"]);
});

import type { Decision__Output } from "../../generated/mesh/api/v1/Decision.js";
import type { ResourceAuth__Output } from "../../generated/mesh/api/v1/ResourceAuth.js";
import type { Resource__Output } from "../../generated/mesh/api/v1/Resource.js";
import type { ResourcePermission__Output } from "../../generated/mesh/api/v1/ResourcePermission.js";
import type { HttpMatch__Output } from "../../generated/mesh/proxy/v1/HttpMatch.js";
import type { PermissionAction__Output } from "../../generated/mesh/proxy/v1/PermissionAction.js";
import { type Colours, type Column, formatTable } from "../output/index.js";

/** How the tables are to look. */
export interface AuthTableOptions {
  /** With what permissions become for proxies. */
  wide: boolean;
  /** With the namespace of each resource. */
  namespaces: boolean;
  colours: Colours;
}

const ALL = "*";
const NOTHING = "-";
/** What stands for the mesh's default where permissions have their names. */
const DEFAULT = "(default)";
const NO_IDENTITY = "(none shown)";

interface Row {
  resource: Resource__Output | null;
  action: PermissionAction__Output;
}

interface PermissionRow extends Row {
  /** Undefined for the default. */
  permission: ResourcePermission__Output | undefined;
}

interface DecisionRow extends Row {
  decision: Decision__Output;
}

/** Who may call, and what becomes of whom no permission is for. */
export function formatPermissions(
  resources: readonly ResourceAuth__Output[],
  options: AuthTableOptions,
): string {
  const rows = resources.flatMap(({ resource, permissions, defaultAction }): PermissionRow[] => [
    ...permissions.map((permission) => ({
      resource,
      permission,
      action: permission.permission?.action ?? "PERMISSION_ACTION_UNSPECIFIED",
    })),
    { resource, permission: undefined, action: defaultAction },
  ]);
  return formatTable<PermissionRow>(
    [
      ...subject(options),
      { heading: "PERMISSION", value: ({ permission }) => nameOf(permission) },
      action(options),
      {
        heading: "PORTS",
        value: ({ permission }) => permission?.permission?.ports.join(",") || ALL,
      },
      { heading: "HTTP", value: ({ permission }) => httpOf(permission?.permission?.http ?? []) },
      { heading: "FROM", value: ({ permission }) => permission?.callers.join("; ") || ALL },
      ...(options.wide ? WIDE : []),
    ],
    rows,
  );
}

/** Who called, or was refused, and by which permission. */
export function formatDecisions(
  resources: readonly ResourceAuth__Output[],
  options: AuthTableOptions,
): string {
  const rows = resources.flatMap(({ resource, decisions }) =>
    decisions.map((decision): DecisionRow => ({ resource, decision, action: decision.action })),
  );
  return formatTable<DecisionRow>(
    [
      ...subject(options),
      { heading: "CALLER", value: ({ decision }) => decision.clientIdentity || NO_IDENTITY },
      { heading: "PERMISSION", value: ({ decision }) => decision.permission || DEFAULT },
      action(options),
      { heading: "COUNT", value: ({ decision }) => String(Math.round(decision.count)) },
    ],
    rows,
  );
}

const subject = ({ namespaces }: AuthTableOptions): Column<Row>[] => [
  ...(namespaces
    ? [{ heading: "NAMESPACE", value: ({ resource }: Row) => resource?.namespace || NOTHING }]
    : []),
  { heading: "RESOURCE", value: ({ resource }) => `${resource?.type ?? ""}/${resource?.name ?? ""}` },
];

const action = ({ colours }: AuthTableOptions): Column<Row> => ({
  heading: "ACTION",
  value: (row) => row.action,
  paint: (text, row) => (row.action === "DENY" ? colours.red(text) : text),
});

const WIDE: Column<PermissionRow>[] = [
  {
    heading: "PODS",
    value: ({ permission, resource }) =>
      permission ? `${permission.pods}/${resource?.meshedPods ?? 0}` : NOTHING,
  },
  {
    heading: "IDENTITIES",
    value: ({ permission }) => {
      const callers = permission?.permission?.from ?? [];
      return (
        callers.flatMap(({ identities, nobody }) => (nobody ? ["nobody"] : identities)).join(", ") || NOTHING
      );
    },
  },
];

const nameOf = (permission: ResourcePermission__Output | undefined) =>
  permission ? `${permission.permission?.namespace ?? ""}/${permission.permission?.name ?? ""}` : DEFAULT;

const httpOf = (matches: readonly HttpMatch__Output[]) =>
  matches
    .map(({ methods, pathPrefix }) => [methods.join(","), pathPrefix].filter((part) => part !== "").join(" "))
    .join("; ") || ALL;

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
/** The same for what is refused because others are allowed. */
const NO_ALLOW = "(no ALLOW)";
const OTHER_PORTS = "others";
const NO_IDENTITY = "(none shown)";

interface Row {
  resource: Resource__Output | null;
  action: PermissionAction__Output;
}

interface PermissionRow extends Row {
  name: string;
  ports: string;
  /** Undefined for what follows where no permission decides. */
  permission: ResourcePermission__Output | undefined;
}

interface DecisionRow extends Row {
  decision: Decision__Output;
  /** What becomes of whom no permission is for. */
  defaultAction: PermissionAction__Output;
}

/** Who may call, and what becomes of whom no permission is for. */
export function formatPermissions(
  resources: readonly ResourceAuth__Output[],
  options: AuthTableOptions,
): string {
  const rows = resources.flatMap((one): PermissionRow[] => [
    ...one.permissions.map((permission) => ({
      resource: one.resource,
      name: nameOf(permission),
      action: actionOf(permission),
      ports: portsOf(permission).join(",") || ALL,
      permission,
    })),
    ...otherwise(one),
  ]);
  return formatTable<PermissionRow>(
    [
      ...subject(options),
      { heading: "PERMISSION", value: ({ name }) => name },
      action(options),
      { heading: "PORTS", value: ({ ports }) => ports },
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
  const rows = resources.flatMap(({ resource, decisions, defaultAction }) =>
    decisions.map((decision): DecisionRow => ({
      resource,
      decision,
      action: decision.action,
      defaultAction,
    })),
  );
  return formatTable<DecisionRow>(
    [
      ...subject(options),
      { heading: "CALLER", value: ({ decision }) => decision.clientIdentity || NO_IDENTITY },
      { heading: "PERMISSION", value: decidedBy },
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

/** What becomes of calls that no permission decides about: where some are allowed, others are refused, whatever the default. */
function otherwise({ resource, permissions, defaultAction }: ResourceAuth__Output): PermissionRow[] {
  const row = (name: string, action: PermissionAction__Output, ports: string): PermissionRow => ({
    ...{ resource, name, action, ports, permission: undefined },
  });
  const allowing = permissions.filter((permission) => actionOf(permission) === "ALLOW");
  if (allowing.length === 0 || defaultAction === "DENY") return [row(DEFAULT, defaultAction, ALL)];
  const forAllPorts = allowing.filter((permission) => portsOf(permission).length === 0);
  if (forAllPorts.length === 0) {
    const ports = [...new Set(allowing.flatMap(portsOf))].sort((a, b) => a - b);
    return [row(NO_ALLOW, "DENY", ports.join(",")), row(DEFAULT, defaultAction, OTHER_PORTS)];
  }
  const isForAllPods = forAllPorts.some(({ pods }) => pods === resource?.meshedPods);
  return [row(NO_ALLOW, "DENY", ALL), ...(isForAllPods ? [] : [row(DEFAULT, defaultAction, ALL)])];
}

const decidedBy = ({ decision, action: decided, defaultAction }: DecisionRow) =>
  decision.permission || (decided === "DENY" && defaultAction !== "DENY" ? NO_ALLOW : DEFAULT);

const actionOf = ({ permission }: ResourcePermission__Output) =>
  permission?.action ?? "PERMISSION_ACTION_UNSPECIFIED";

const portsOf = ({ permission }: ResourcePermission__Output) => permission?.ports ?? [];

const nameOf = ({ permission }: ResourcePermission__Output) =>
  `${permission?.namespace ?? ""}/${permission?.name ?? ""}`;

const httpOf = (matches: readonly HttpMatch__Output[]) =>
  matches
    .map(({ methods, pathPrefix }) => [methods.join(","), pathPrefix].filter((part) => part !== "").join(" "))
    .join("; ") || ALL;

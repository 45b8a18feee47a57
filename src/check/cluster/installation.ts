import { type ResourceType, typeName } from "../../kubernetes/index.js";
import { type Check, failed, failedForGood, passed, someOf, warned } from "../check.js";
import type { ClusterContext } from "./context.js";
import { CONTROL_PLANE, NAMESPACE, OWN_KINDS, VALUES, VERSION_LABEL, WEBHOOK } from "./names.js";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  CRDS,
  DEPLOYMENTS,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
  SERVICES,
  VALIDATING_WEBHOOKS,
} from "./objects.js";

const INSTALL = "mesh install | kubectl apply -f -";

/** An object that every installation has. */
interface Expected {
  readonly type: ResourceType;
  readonly name: string;
}

const EXPECTED: readonly Expected[] = [
  { type: NAMESPACES, name: NAMESPACE },
  ...OWN_KINDS.map((name) => ({ type: CRDS, name })),
  { type: CONFIG_MAPS, name: VALUES },
  ...[CONTROL_PLANE, WEBHOOK].flatMap((name) =>
    [SERVICE_ACCOUNTS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLES, ROLE_BINDINGS, SERVICES, DEPLOYMENTS].map(
      (type) => ({ type, name }),
    ),
  ),
  { type: MUTATING_WEBHOOKS, name: WEBHOOK },
  { type: VALIDATING_WEBHOOKS, name: WEBHOOK },
];

export const notInstalled: Check<ClusterContext> = {
  id: "not-installed",
  title: "no mesh is installed yet",
  async run(context) {
    const missing = await missingOf(context);
    if (missing.length === EXPECTED.length) return passed();
    const there = EXPECTED.filter((one) => !missing.includes(one));
    return warned(
      `there is ${someOf(there.map(nameOf))}`,
      "mesh upgrade, or mesh uninstall | kubectl delete -f -",
    );
  },
};

export const installed: Check<ClusterContext> = {
  id: "installation",
  title: "the mesh is installed, and nothing of it is missing",
  essential: true,
  async run(context) {
    const missing = await missingOf(context);
    if (missing.length === 0) return passed();
    if (missing.length === EXPECTED.length) return failed("the mesh is not installed", INSTALL);
    return failed(`missing: ${someOf(missing.map(nameOf), 10)}`, INSTALL);
  },
};

export const installedVersion: Check<ClusterContext> = {
  id: "installed-version",
  title: "the control plane is of this command's version",
  async run(context) {
    const deployment = await context.find(DEPLOYMENTS, CONTROL_PLANE, NAMESPACE);
    const version = deployment?.metadata.labels?.[VERSION_LABEL];
    if (version === context.version) return passed(version);
    return warned(
      `the command is ${context.version}, the control plane is ${version ?? "of no version that it tells"}`,
      "mesh upgrade | kubectl apply -f -, or the command of that version",
    );
  },
};

export const crdsEstablished: Check<ClusterContext> = {
  id: "crds",
  title: "the API server knows the kinds of the mesh",
  async run(context) {
    const definitions = await Promise.all(OWN_KINDS.map((name) => context.find(CRDS, name)));
    for (const [index, definition] of definitions.entries()) {
      const name = OWN_KINDS[index] ?? "";
      if (definition === undefined)
        return failed(`there is no ${name}`, "mesh install --crds-only | kubectl apply -f -");
      const conditions = definition.status?.conditions ?? [];
      const refused = conditions.find(({ type, status }) => type === "NamesAccepted" && status === "False");
      if (refused)
        return failedForGood(
          `${name}: ${refused.message ?? "its names are taken"}`,
          `kubectl describe crd ${name}`,
        );
      if (!conditions.some(({ type, status }) => type === "Established" && status === "True")) {
        return failed(`${name} is not established yet`, `kubectl describe crd ${name}`);
      }
    }
    return passed();
  },
};

async function missingOf(context: ClusterContext): Promise<Expected[]> {
  const found = await Promise.all(
    EXPECTED.map(({ type, name }) => context.find(type, name, type.namespaced ? NAMESPACE : undefined)),
  );
  return EXPECTED.filter((_, index) => found[index] === undefined);
}

const nameOf = ({ type, name }: Expected) => `${typeName(type)}/${name}`;

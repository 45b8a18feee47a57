import {
  installedObjects,
  installedValues,
  missing,
  type ObjectName,
  readInstallation,
  render,
} from "../../install/index.js";
import { CONTROL_PLANE, NAMESPACE } from "../../installed-names/index.js";
import { isObject } from "../../manifest/index.js";
import { someOf } from "../../output/index.js";
import { type Check, failed, failedForGood, passed, warned } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { CRDS, DEPLOYMENTS, VERSION_LABEL } from "./objects.js";

const INSTALL = "mesh install | kubectl apply -f -";
const UPGRADE = "mesh upgrade | kubectl apply -f -";

export const notInstalled: Check<ClusterContext> = {
  id: "not-installed",
  title: "no mesh is installed yet",
  async run({ cluster }) {
    const there = orThrow(await installedObjects(cluster));
    if (there.length === 0) return passed();
    return warned(
      `there is ${someOf(there.map(nameOf))}`,
      "mesh upgrade, which keeps its values, or mesh uninstall | kubectl delete -f -",
    );
  },
};

export const installed: Check<ClusterContext> = {
  id: "installation",
  title: "the mesh is installed, and nothing of it is missing",
  essential: true,
  async run(context) {
    const { rendered, values } = await expected(context);
    const lost = orThrow(await missing(context.cluster, rendered));
    if (lost.length === 0) return passed();
    if (lost.length === rendered.length) return failed("the mesh is not installed", INSTALL);
    const hint = values === "kept" ? UPGRADE : INSTALL;
    return failed(`missing: ${someOf(lost.map(nameOf), 10)}`, hint);
  },
};

/** What this version installs with the values that the cluster keeps; with the defaults where it keeps none that are right. */
async function expected({ cluster, version }: ClusterContext) {
  const stored = await installedValues(cluster);
  const defaults = { files: [], sets: [], flags: {} };
  const kept = stored.ok ? readInstallation({ ...defaults, stored: stored.value }, version) : undefined;
  const installation = kept?.ok === true ? kept : readInstallation(defaults, version);
  if (!installation.ok) throw new Error(`the defaults are wrong: ${installation.error.join("; ")}`);
  return {
    rendered: render(installation.value).filter(isObject),
    values: kept?.ok === true ? "kept" : "none",
  } as const;
}

export const installedVersion: Check<ClusterContext> = {
  id: "installed-version",
  title: "the control plane is of this command's version",
  async run(context) {
    const deployment = await context.find(DEPLOYMENTS, CONTROL_PLANE, NAMESPACE);
    const version = deployment?.metadata.labels?.[VERSION_LABEL];
    if (version === context.version) return passed(version);
    return warned(
      `the command is ${context.version}, the control plane is ${version ?? "of no version that it tells"}`,
      `${UPGRADE}, or the command of that version`,
    );
  },
};

export const crdsEstablished: Check<ClusterContext> = {
  id: "crds",
  title: "the API server knows the kinds of the mesh",
  async run(context) {
    const definitions = orThrow(await context.cluster.list(CRDS, { labelSelector: OWN_KINDS }));
    for (const { metadata, status } of definitions) {
      const { name } = metadata;
      const conditions = status?.conditions ?? [];
      const refused = conditions.find(({ type, status: is }) => type === "NamesAccepted" && is === "False");
      if (refused)
        return failedForGood(
          `${name}: ${refused.message ?? "its names are taken"}`,
          `kubectl describe crd ${name}`,
        );
      if (!conditions.some(({ type, status: is }) => type === "Established" && is === "True")) {
        return failed(`${name} is not established yet`, `kubectl describe crd ${name}`);
      }
    }
    return passed();
  },
};

/** Selects the CRDs of an installation. */
const OWN_KINDS = "app.kubernetes.io/part-of=mesh,app.kubernetes.io/managed-by=mesh";

const nameOf = ({ kind, metadata }: ObjectName) => `${kind}/${metadata.name}`;

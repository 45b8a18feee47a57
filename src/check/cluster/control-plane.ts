import type { ControlPlaneClient } from "../../client/index.js";
import { PROXY_CONTAINER } from "../../inject/index.js";
import { CONTROL_PLANE, NAMESPACE, selectorOf, WEBHOOK } from "../../installed-names/index.js";
import { type Pod, PODS, troubleOf } from "../../kubernetes/index.js";
import { Failure, someOf } from "../../output/index.js";
import { type Check, failed, type Finding, passed, warned } from "../check.js";
import { controlPlaneClockFinding } from "../clock.js";
import { configurationFinding } from "../configuration.js";
import { RENEWAL, renewalFinding } from "../renewal.js";
import { WITHOUT_EFFECT, withoutEffectFinding } from "../without-effect.js";
import { type ClusterContext, orThrow } from "./context.js";
import { type Deployment, DEPLOYMENTS, VERSION_LABEL } from "./objects.js";

export const controlPlaneReady: Check<ClusterContext> = {
  id: "control-plane-ready",
  title: "every part of the control plane is ready",
  async run(context) {
    const labelSelector = "app.kubernetes.io/part-of=mesh";
    const deployments = orThrow(
      await context.cluster.list(DEPLOYMENTS, { namespace: NAMESPACE, labelSelector }),
    );
    if (deployments.length === 0)
      return failed(`no deployment of the mesh in ${NAMESPACE}`, "mesh install | kubectl apply -f -");
    const waiting = deployments.find((deployment) => !isReady(deployment));
    if (waiting === undefined) return passed(deployments.map(({ metadata }) => metadata.name).join(", "));
    const { name } = waiting.metadata;
    const ready = `${waiting.status?.readyReplicas ?? 0} of ${waiting.spec?.replicas ?? 1} pods of ${name} are ready`;
    const reason = await reasonOf(context, waiting);
    return failed(
      reason === undefined ? ready : `${ready}; ${reason}`,
      `kubectl describe pod -n ${NAMESPACE} -l app.kubernetes.io/name=${name}`,
    );
  },
};

export const replicaVersions: Check<ClusterContext> = {
  id: "replica-versions",
  title: "all pods of the control plane are of one version",
  async run(context) {
    const pods = (await context.pods()).filter(isOfControlPlane);
    const versions = [...new Set(pods.map(versionOf))];
    if (versions.length < 2) return passed(versions[0]);
    const told = versions.map((version) => {
      const names = pods.filter((pod) => versionOf(pod) === version).map(({ metadata }) => metadata.name);
      return `${version} are ${someOf(names)}`;
    });
    return warned(told.join("; "), `kubectl rollout status -n ${NAMESPACE} deploy/${CONTROL_PLANE}`);
  },
};

const versionOf = ({ metadata }: Pod) => metadata.labels?.[VERSION_LABEL] ?? "of no version that they tell";

function isOfControlPlane({ metadata: { namespace, labels, deletionTimestamp } }: Pod): boolean {
  if (namespace !== NAMESPACE || deletionTimestamp !== undefined) return false;
  return ([CONTROL_PLANE, WEBHOOK] as const).some((part) => {
    return Object.entries(selectorOf(part)).every(([label, value]) => labels?.[label] === value);
  });
}

export const controlPlaneAnswers: Check<ClusterContext> = {
  id: "control-plane-api",
  title: "the control plane answers commands, through a port-forward",
  async run(context) {
    const client = await context.client();
    const { connectedProxies } = await client.health();
    return passed(`${connectedProxies} proxies are connected to it`);
  },
};

export const controlPlaneClock: Check<ClusterContext> = {
  id: "control-plane-clock",
  title: "the clocks of this machine and of the control plane agree",
  run: (context) => asked(context, controlPlaneClockFinding),
};

export const controlPlaneUnderstands: Check<ClusterContext> = {
  id: "configuration",
  title: "the control plane understands all of its configuration",
  run: (context) => asked(context, configurationFinding),
};

export const resourcesHaveEffect: Check<ClusterContext> = {
  ...WITHOUT_EFFECT,
  run: (context) =>
    asked(context, (client) =>
      withoutEffectFinding(client, "kubectl get servicepolicies,externalservices -A"),
    ),
};

export const certificatesRenewed: Check<ClusterContext> = {
  ...RENEWAL,
  run: (context) =>
    asked(context, (client) =>
      renewalFinding(client, `kubectl logs POD -c ${PROXY_CONTAINER}, which says why`),
    ),
};

/** What the control plane says, once it is known whether it answers at all. */
async function asked(
  context: ClusterContext,
  finding: (client: ControlPlaneClient) => Promise<Finding>,
): Promise<Finding> {
  try {
    return await finding(await context.client());
  } catch (error) {
    // Why is told by the check whether it answers.
    if (error instanceof Failure) return warned("the control plane could not be asked", "mesh check");
    throw error;
  }
}

function isReady({ spec, status }: Deployment): boolean {
  const wanted = spec?.replicas ?? 1;
  return (status?.readyReplicas ?? 0) >= wanted && (status?.updatedReplicas ?? 0) >= wanted;
}

/** Why a deployment's pods do not run, where one of them tells. */
async function reasonOf(
  { cluster }: ClusterContext,
  { spec, status }: Deployment,
): Promise<string | undefined> {
  const labels = Object.entries(spec?.selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const pods = orThrow(await cluster.list(PODS, { namespace: NAMESPACE, labelSelector: labels.join(",") }));
  const told = pods.map(troubleOf).find((reason) => reason !== undefined);
  if (told !== undefined) return told;
  const refused = status?.conditions?.find(
    ({ type, status: is }) => type === "ReplicaFailure" && is === "True",
  );
  return refused?.message;
}

import { NAMESPACE } from "../../installed-names/index.js";
import { PODS, troubleOf } from "../../kubernetes/index.js";
import { type Check, failed, passed } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { type Deployment, DEPLOYMENTS } from "./objects.js";

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

import type { Duplex } from "node:stream";
import { CONTROL_PLANE, NAMESPACE, PORTS, selectorOf } from "../installed-names/index.js";
import {
  type Cluster,
  type ClusterFailure,
  isReady,
  type KubernetesObject,
  type Pod,
  PODS,
  type ResourceType,
  troubleOf,
} from "../kubernetes/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";

interface Deployment extends KubernetesObject {
  readonly spec?: { readonly replicas?: number };
}

const DEPLOYMENTS: ResourceType<Deployment> = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  namespaced: true,
};

/** Connects to the API of a pod of the control plane: the first that is ready and can be reached. */
export async function connectToApi(cluster: Cluster): Promise<Result<Duplex, Failure>> {
  const pods = await readyPods(cluster);
  if (!pods.ok) return pods;
  let failure: ClusterFailure | undefined;
  for (const { metadata } of pods.value) {
    const stream = await connectToPod(cluster, metadata.name);
    if (stream.ok) return stream;
    failure = stream.error;
    // Another pod's port would be forbidden just so.
    if (failure.kind === "forbidden") break;
  }
  return fail(failure ?? noneReady([]));
}

/** Connects to the API of one pod of the control plane. */
export const connectToPod = (cluster: Cluster, name: string): Promise<Result<Duplex, ClusterFailure>> =>
  cluster.forward(name, NAMESPACE, PORTS.api);

/** The pods of the control plane that are ready, at least one. */
export async function readyPods(cluster: Cluster): Promise<Result<readonly Pod[], Failure>> {
  const labelSelector = Object.entries(selectorOf(CONTROL_PLANE))
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  const pods = await cluster.list(PODS, { namespace: NAMESPACE, labelSelector, soon: true });
  if (!pods.ok) return pods;
  if (pods.value.length === 0) return fail(await whyNoPod(cluster));
  const ready = pods.value.filter(isReady);
  return ready.length > 0 ? ok(ready) : fail(noneReady(pods.value));
}

async function whyNoPod(cluster: Cluster): Promise<Failure> {
  const deployment = await cluster.get(DEPLOYMENTS, CONTROL_PLANE, NAMESPACE);
  if (!deployment.ok && deployment.error.kind === "not-found") {
    return new Failure(
      `the mesh is not installed in the cluster at ${cluster.server} (context ${cluster.context})`,
      { hint: "mesh install | kubectl apply --server-side -f -" },
    );
  }
  const wanted = deployment.ok ? deployment.value.spec?.replicas : undefined;
  const why = wanted === undefined ? "" : `: its deployment asks for ${wanted}`;
  return new Failure(`the control plane has no pod in namespace ${NAMESPACE}${why}`, {
    hint: wanted === 0 ? `kubectl scale -n ${NAMESPACE} deploy/${CONTROL_PLANE} --replicas=1` : "mesh check",
  });
}

function noneReady(pods: readonly Pod[]): Failure {
  const trouble = pods.map(troubleOf).find((reason) => reason !== undefined);
  const names = pods.map(({ metadata }) => metadata.name).join(", ");
  return new Failure(`no pod of the control plane is ready (${trouble ?? names})`, {
    hint: "mesh check --wait 60s",
  });
}

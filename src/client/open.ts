import { type ControlPlaneNaming, controlPlanePlace } from "../api-address/index.js";
import { type ClusterSelection, isAsked } from "../kubernetes/index.js";
import { Failure } from "../output/index.js";
import { ok, type Result } from "../result/index.js";
import { ControlPlaneClient } from "./control-plane-client.js";
import { routeTo } from "./route.js";

/**
 * The control plane that a command line means.
 * @throws Failure when it is in a cluster and cannot be reached there; one at an address is not connected to yet
 */
export async function openControlPlane(naming: ControlPlaneNaming): Promise<ControlPlaneClient> {
  const place = controlPlanePlace(naming);
  if ("address" in place) return new ControlPlaneClient(routeTo(place.address));
  const opened = await openControlPlaneIn(place.cluster);
  if (opened.ok) return opened.value;
  throw isAsked(place.cluster) ? opened.error : withOtherWay(opened.error);
}

/** The control plane in a cluster, through a port-forward; fails with what stands in the way. */
export async function openControlPlaneIn(
  cluster: ClusterSelection,
): Promise<Result<ControlPlaneClient, Failure>> {
  // Only here: with an address, nothing of this is needed.
  const { ClusterRoute } = await import("./cluster-route.js");
  const route = await ClusterRoute.open(cluster);
  return route.ok ? ok(new ControlPlaneClient(route.value)) : route;
}

/** Each pod of the control plane in a cluster that is ready; fails when one of them cannot be reached. */
export async function openEveryControlPlaneIn(
  selection: ClusterSelection,
): Promise<Result<ControlPlaneClient[], Failure>> {
  const [{ Cluster }, { ClusterRoute }, { connectToPod, readyPods }] = await Promise.all([
    import("../kubernetes/index.js"),
    import("./cluster-route.js"),
    import("./control-plane-pod.js"),
  ]);
  const cluster = await Cluster.open(selection);
  if (!cluster.ok) return cluster;
  const pods = await readyPods(cluster.value);
  cluster.value.close();
  if (!pods.ok) return pods;
  const clients: ControlPlaneClient[] = [];
  for (const { metadata } of pods.value) {
    const route = await ClusterRoute.open(selection, (one) => connectToPod(one, metadata.name));
    if (!route.ok) {
      for (const client of clients) client.close();
      return route;
    }
    clients.push(new ControlPlaneClient(route.value));
  }
  return ok(clients);
}

/** The cluster was named by a file that may have been meant for something else. */
function withOtherWay({ message, hint, exitStatus }: Failure): Failure {
  const elsewhere = "--api HOST:PORT for a control plane outside a cluster";
  return new Failure(message, {
    hint: hint === undefined ? elsewhere : `${hint}, or ${elsewhere}`,
    exitStatus,
  });
}

import { type ControlPlaneNaming, controlPlanePlace } from "../api-address/index.js";
import { isAsked } from "../kubernetes/index.js";
import { Failure } from "../output/index.js";
import { ControlPlaneClient } from "./control-plane-client.js";
import { routeTo } from "./route.js";

/**
 * The control plane that a command line means.
 * @throws Failure when it is in a cluster and cannot be reached there; one at an address is not connected to yet
 */
export async function openControlPlane(naming: ControlPlaneNaming): Promise<ControlPlaneClient> {
  const place = controlPlanePlace(naming);
  if ("address" in place) return new ControlPlaneClient(routeTo(place.address));
  // Only here: with an address, nothing of this is needed.
  const { ClusterRoute } = await import("./cluster-route.js");
  const route = await ClusterRoute.open(place.cluster);
  if (route.ok) return new ControlPlaneClient(route.value);
  throw isAsked(place.cluster) ? route.error : withOtherWay(route.error);
}

/** The cluster was named by a file that may have been meant for something else. */
function withOtherWay({ message, hint, exitStatus }: Failure): Failure {
  const elsewhere = "--api HOST:PORT for a control plane outside a cluster";
  return new Failure(message, {
    hint: hint === undefined ? elsewhere : `${hint}, or ${elsewhere}`,
    exitStatus,
  });
}

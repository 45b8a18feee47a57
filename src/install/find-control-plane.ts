import { canonicalIp, formatAddress } from "../catalog/index.js";
import {
  Cluster,
  type ClusterSelection,
  type KubernetesObject,
  type ResourceType,
} from "../kubernetes/index.js";
import { CONTROL_PLANE, NAMESPACE, PORTS } from "../installed-names/index.js";

interface Service extends KubernetesObject {
  readonly spec?: { readonly clusterIP?: string };
}

const SERVICES: ResourceType<Service> = { group: "", version: "v1", plural: "services", namespaced: true };

/** IP:PORT of the Service of the control plane in a cluster; undefined when the cluster does not say, for whatever reason. */
export async function findControlPlane(selection: ClusterSelection = {}): Promise<string | undefined> {
  const cluster = await Cluster.open(selection);
  if (!cluster.ok) return undefined;
  const service = await cluster.value.get(SERVICES, CONTROL_PLANE, NAMESPACE);
  cluster.value.close();
  const ip = service.ok ? canonicalIp(service.value.spec?.clusterIP ?? "") : undefined;
  return ip === undefined ? undefined : formatAddress({ ip, port: PORTS.discovery.server });
}

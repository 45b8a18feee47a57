import { type ClusterSelection, isAsked, namesCluster } from "../kubernetes/index.js";
import { apiAddress } from "./address.js";

/** What a command line says of the control plane that is meant. */
export interface ControlPlaneNaming {
  /** --api */
  readonly api: string | undefined;
  readonly cluster: ClusterSelection;
}

/** Where the control plane is: at an address, or in a cluster. */
export type ControlPlanePlace = { readonly address: string } | { readonly cluster: ClusterSelection };

/**
 * Flags before the environment, and what is named before what is there: --api; the flags of a cluster; MESH_API; the cluster
 * that a kubeconfig, or the account of a pod, names; the default address.
 * @throws Failure with status 2 when an address is none
 */
export function controlPlanePlace(
  { api, cluster }: ControlPlaneNaming,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ControlPlanePlace {
  const isNamed = api !== undefined || (env["MESH_API"] ?? "") !== "";
  if (api === undefined && isAsked(cluster)) return { cluster };
  if (!isNamed && namesCluster(cluster, env)) return { cluster };
  return { address: apiAddress(api, env) };
}

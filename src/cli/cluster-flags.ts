import { Flags, type Interfaces } from "@oclif/core";
import { type ControlPlaneNaming, DEFAULT_API_ADDRESS } from "../api-address/index.js";
import type { ClusterSelection } from "../kubernetes/index.js";

/** The flags that say which cluster is asked, and as whom. */
export const CLUSTER_FLAGS = {
  kubeconfig: Flags.string({
    helpValue: "FILE",
    description: "Which clusters there are (default: KUBECONFIG, then ~/.kube/config).",
  }),
  context: Flags.string({ helpValue: "NAME", description: "Which of them (default: the current context)." }),
  as: Flags.string({ helpValue: "USER", description: "The user to impersonate." }),
  "as-group": Flags.string({
    helpValue: "GROUP",
    multiple: true,
    multipleNonGreedy: true,
    dependsOn: ["as"],
    description: "A group of that user; can be repeated.",
  }),
};

/** The flags that say which control plane is asked: one at an address, or that of a cluster. */
export const CONTROL_PLANE_FLAGS = {
  api: Flags.string({
    helpValue: "HOST:PORT",
    exclusive: Object.keys(CLUSTER_FLAGS),
    description: `A control plane outside a cluster; also MESH_API (without a kubeconfig: ${DEFAULT_API_ADDRESS}).`,
  }),
  ...CLUSTER_FLAGS,
};

/** The flags that say in which namespace the resources are that a control plane is asked about. */
export const NAMESPACE_FLAGS = {
  namespace: Flags.string({
    char: "n",
    helpValue: "NAMESPACE",
    description: "Where the resources are (default: the context's namespace, or default).",
  }),
  "all-namespaces": Flags.boolean({ char: "A", description: "Resources of every namespace." }),
};

/** Which namespace the flags mean; undefined for every one. @param client whose context has one */
export const namespaceAsked = (
  flags: Interfaces.InferredFlags<typeof NAMESPACE_FLAGS>,
  client: { readonly namespace: string },
): string | undefined => (flags["all-namespaces"] ? undefined : (flags.namespace ?? client.namespace));

/** Which cluster the flags mean. */
export function clusterSelection(flags: Interfaces.InferredFlags<typeof CLUSTER_FLAGS>): ClusterSelection {
  const { kubeconfig, context, as } = flags;
  return { kubeconfig, context, as, asGroups: flags["as-group"] };
}

/** Which control plane the flags mean. */
export function controlPlaneNaming(
  flags: Interfaces.InferredFlags<typeof CONTROL_PLANE_FLAGS>,
): ControlPlaneNaming {
  return { api: flags.api, cluster: clusterSelection(flags) };
}

// Where the parts of the cluster are. All of it is in a network namespace of its own, so nothing of the machine's is in the way.

/** The node's address: that of the bridge which its pods are on. */
export const NODE_IP = "10.244.0.1";
export const POD_RANGE = "10.244.0.0/24";
/** The first one that a pod gets. */
export const FIRST_POD_IP = "10.244.0.10";
export const SERVICE_RANGE = "10.96.0.0/16";
/** What the API server takes for the service `kubernetes`: the first of the range. */
export const API_SERVER_IP = "10.96.0.1";
export const DNS_IP = "10.96.0.10";
export const CLUSTER_DOMAIN = "cluster.local";

// The one door to a Kubernetes API server: whose cluster it is, and questions to it.
export { Cluster, type ListScope, type PlainAnswer, type WatchEvent } from "./cluster.js";
export { ClusterFailure, type ClusterFailureKind } from "./failure.js";
export { follow, type Followed, type Following } from "./follow.js";
export {
  CONFIG_MAPS,
  type ConfigMap,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  VALIDATING_WEBHOOKS,
  type WebhookConfiguration,
} from "./kinds.js";
export { type ClusterSelection, isAsked, namesCluster } from "./kubeconfig.js";
export {
  type Condition,
  containerStatuses,
  isReady,
  type Pod,
  PODS,
  type PodSpec,
  troubleOf,
} from "./pods.js";
export { PortForwardError } from "./port-forward.js";
export { canI } from "./refusal.js";
export { type KubernetesObject, type ObjectMetadata, type ResourceType, typeName } from "./resource.js";
export { reviewToken, type TokenRefusal, type TokenUser } from "./token-review.js";

export { Catalog } from "./catalog.js";
export { canonicalIp, formatAddress, isInNetworks, parseAddress } from "./address.js";
export type { AccountNames, PermittedCaller } from "./callers.js";
export { servedAt } from "./members.js";
export type { Namespaces } from "./namespaces.js";
export type { EnforcedPermission, PermissionSubject, PermissionWatch } from "./permissions.js";
export type { Policies } from "./policies.js";
export type { Problems } from "./problems.js";
export type { Proxies } from "./proxies.js";
export { Index, matches } from "./registered.js";
export type { MeshedResource } from "./resources.js";
export type { Target, TargetListener } from "./targets.js";
export type {
  Asker,
  ConnectedProxy,
  Endpoint,
  Inbound,
  Instance,
  IpFamily,
  Labels,
  Namespace,
  Node,
  Permission,
  Place,
  Places,
  PortRange,
  Problem,
  Resource,
  ResourceSelector,
  Service,
  ServicePort,
  Sidecar,
  SidecarAddresses,
  SocketAddress,
  Workload,
} from "./model.js";

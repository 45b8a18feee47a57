import { type Catalog, type ConnectedProxy, formatAddress, type Instance } from "../catalog/index.js";
import { ADMIN_PORT_NAME } from "../inject/index.js";

/** A group of targets as Prometheus's HTTP service discovery reads it (https://prometheus.io/docs/prometheus/latest/http_sd/). */
export interface TargetGroup {
  /** host:port */
  readonly targets: readonly string[];
  readonly labels: { readonly namespace: string; readonly pod: string };
}

/**
 * Where the metrics of every sidecar are. A pod says so itself by the name of a port, so that each replica of the control plane knows
 * all of them; other sidecars are known to the replica that they are connected to.
 */
export function proxyTargets(catalog: Catalog): TargetGroup[] {
  const groups = new Map<string, TargetGroup>();
  const put = (group: TargetGroup) => groups.set(`${group.labels.namespace}/${group.labels.pod}`, group);
  for (const proxy of catalog.proxies) if (proxy.adminAddress !== "") put(groupOfProxy(proxy));
  for (const instance of catalog.instancesNaming(ADMIN_PORT_NAME)) put(groupOfInstance(instance));
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

const groupOfProxy = ({ namespace, name, adminAddress }: ConnectedProxy): TargetGroup => ({
  targets: [adminAddress],
  labels: { namespace, pod: name },
});

function groupOfInstance({ namespace, name, addresses, ports }: Instance): TargetGroup {
  const port = ports[ADMIN_PORT_NAME] ?? 0;
  return {
    targets: addresses.slice(0, 1).map((ip) => formatAddress({ ip, port })),
    labels: { namespace, pod: name },
  };
}

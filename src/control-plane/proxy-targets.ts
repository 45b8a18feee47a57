import type { Catalog } from "../catalog/index.js";

/** A group of targets as Prometheus's HTTP service discovery reads it (https://prometheus.io/docs/prometheus/latest/http_sd/). */
export interface TargetGroup {
  /** host:port */
  readonly targets: readonly string[];
  readonly labels: { readonly namespace: string; readonly pod: string };
}

/** Where the metrics of every sidecar are, by namespace and name. */
export function proxyTargets({ sidecars }: Catalog): TargetGroup[] {
  return [...sidecars]
    .filter(({ adminAddress }) => adminAddress !== "")
    .map(({ namespace, name, adminAddress }) => ({
      targets: [adminAddress],
      labels: { namespace, pod: name },
    }))
    .sort(({ labels: a }, { labels: b }) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const keyOf = ({ namespace, pod }: TargetGroup["labels"]) => `${namespace}/${pod}`;

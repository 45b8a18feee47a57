import type { Total } from "./series.js";
import { type DecisionQuery, TRAFFIC_LABELS, type TrafficLabel, type TrafficQuery } from "./traffic.js";

/** The questions in PromQL whose answers make the answer to a query. Instants are that of the evaluation. */
export interface Expressions {
  /** Responses, by `classification`, `tls` and `protocol`. */
  readonly responses: string;
  /** Responses that took up to a bound, by `le`. */
  readonly latency: string;
  readonly bytes: Readonly<Record<Extract<Total, "requestBytes" | "responseBytes">, string>>;
  /** By `tls`. */
  readonly openConnections: string;
}

export function expressionsOf({ direction, match, groupBy, windowSeconds }: TrafficQuery): Expressions {
  const inbound = direction === "inbound";
  // A destination's proxy counts what it exchanges with the source, a source's proxy what with the destination.
  const peer = { peer: inbound ? "src" : "dst" };
  const series = (metric: string, more: Readonly<Record<string, string>> = {}) =>
    `${metric}{${matchers({ direction, ...match, ...more })}}`;
  const growth = (metric: string, more?: Readonly<Record<string, string>>) =>
    `increase(${series(metric, more)}[${milliseconds(windowSeconds)}])`;
  const sum = (of: string, ...labels: string[]) => `sum by (${[...groupBy, ...labels].join(", ")}) (${of})`;
  const read = sum(growth("mesh_tcp_read_bytes_total", peer));
  const written = sum(growth("mesh_tcp_write_bytes_total", peer));
  return {
    responses: sum(growth("mesh_responses_total"), "classification", "tls", "protocol"),
    latency: sum(growth("mesh_response_latency_seconds_bucket"), "le"),
    bytes: inbound
      ? { requestBytes: read, responseBytes: written }
      : { requestBytes: written, responseBytes: read },
    openConnections: sum(series("mesh_tcp_open_connections", peer), "tls"),
  };
}

/**
 * What proxies decided, by instance, permission, action and the caller's identity. A caller who was refused once made a series that
 * begins with 1 and never grows: one that has begun within the window, at a proxy that was watched before or is younger than that,
 * has counted from 0.
 */
export function decisionsExpression({ namespace, windowSeconds }: DecisionQuery): string {
  const series = `mesh_permission_decisions_total{${matchers(namespace === "" ? {} : { dst_namespace: namespace })}}`;
  const window = milliseconds(windowSeconds);
  const growth = `increase(${series}[${window}])`;
  const watched = `mesh_discovery_connected offset ${window} or process_start_time_seconds > time() - ${windowSeconds}`;
  const begun = `(last_over_time(${series}[${window}]) unless ${series} offset ${window} and on (instance) (${watched}))`;
  return `sum by (${DECISION_LABELS.join(", ")}) (${begun} > ${growth} or ${growth} or ${begun})`;
}

const DECISION_LABELS = [
  "dst_namespace",
  "dst_pod",
  "dst_workload_kind",
  "dst_workload",
  "permission",
  "action",
  "client_identity",
];

/** How often Prometheus has scraped the proxy that it scraped most; nothing where it has scraped none. */
export const scrapesExpression = (windowSeconds: number): string =>
  `max(count_over_time(mesh_discovery_connected[${milliseconds(windowSeconds)}]))`;

/** In so many steps of a window it is looked for when Prometheus began to watch. */
const STEPS = 30;
/** Steps of so many seconds are fine enough. */
const FINEST_SECONDS = 2;

/**
 * How long Prometheus has heard of any proxy, in seconds; nothing where it has not. Each is a bound from below, and the largest
 * is near the truth: they look back over the whole window, half of it, and so on, for whoever began to watch a moment ago.
 */
export function watchedExpressions(windowSeconds: number): string[] {
  const steps = `${milliseconds(windowSeconds)}:${milliseconds(windowSeconds / STEPS)}`;
  const expression = `time() - min(min_over_time(timestamp(mesh_discovery_connected)[${steps}]))`;
  const finer = windowSeconds / STEPS > FINEST_SECONDS ? watchedExpressions(windowSeconds / 2) : [];
  return [expression, ...finer];
}

const milliseconds = (seconds: number) => `${Math.max(1, Math.round(seconds * 1000))}ms`;

const matchers = (labels: Readonly<Partial<Record<string, string>>>) =>
  Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(",");

/** The labels of an answer that tell traffic apart. */
export const trafficLabels = (labels: Readonly<Record<string, string>>, wanted: readonly TrafficLabel[]) =>
  Object.fromEntries(
    TRAFFIC_LABELS.filter((label) => wanted.includes(label)).map((label) => [label, labels[label] ?? ""]),
  );

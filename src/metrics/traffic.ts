import type { Result } from "../result/index.js";
import { addHistogram, type Histogram } from "./histogram.js";

/** What traffic is told apart by; the names are the labels of the proxies' metrics. Unknown is the empty string. */
export const TRAFFIC_LABELS = [
  "src_namespace",
  "src_workload_kind",
  "src_workload",
  "src_pod",
  "dst_namespace",
  "dst_service",
  "dst_workload_kind",
  "dst_workload",
  "dst_pod",
] as const;

/** What requests are spoken in; the names are values of the label `protocol` of the proxies' metrics. */
export const PROTOCOLS = ["http1", "http2", "grpc"] as const;

export type Protocol = (typeof PROTOCOLS)[number];

/** The protocol that a label names; undefined where it names none. */
export const protocolOf = (label: string | undefined): Protocol | undefined =>
  PROTOCOLS.find((protocol) => protocol === label);

export type TrafficLabel = (typeof TRAFFIC_LABELS)[number];

/** The labels of some traffic; a label that is not there says nothing. */
export type TrafficLabels = Readonly<Partial<Record<TrafficLabel, string>>>;

/** A question about the traffic that proxies saw. */
export interface TrafficQuery {
  /** As the proxies of the destinations saw it (source unknown), or as those of the sources did. */
  direction: "inbound" | "outbound";
  /** Only traffic that has all of these. */
  match: TrafficLabels;
  /** One sum for each combination of these. */
  groupBy: readonly TrafficLabel[];
  windowSeconds: number;
}

/** What one group of traffic amounted to in the window. */
export interface Traffic extends Record<Protocol, number> {
  labels: TrafficLabels;
  /** How much of the window was watched; rates are to be had by dividing by it. */
  seconds: number;
  successes: number;
  /** Of both, `http1`, `http2` and `grpc` are those that are spoken in it. */
  failures: number;
  /** Of both, those that went over a secured connection. */
  secured: number;
  /** Seconds from the end of the request's head to the end of the response. */
  latency: Histogram;
  /** Right now: accepted by the destination's proxy (inbound), opened by the source's (outbound). */
  openConnections: number;
  /** Of these. */
  securedConnections: number;
  /** From source to destination. */
  requestBytes: number;
  /** From destination to source. */
  responseBytes: number;
}

/** A group of which nothing is known yet. */
export const noTraffic = (labels: TrafficLabels): Traffic => ({
  labels,
  seconds: 0,
  successes: 0,
  failures: 0,
  secured: 0,
  http1: 0,
  http2: 0,
  grpc: 0,
  latency: new Map(),
  openConnections: 0,
  securedConnections: 0,
  requestBytes: 0,
  responseBytes: 0,
});

/** Adds what one group amounted to to another's figures; the labels stay. */
export function addTraffic(to: Traffic, from: Omit<Traffic, "labels">): void {
  to.seconds = Math.max(to.seconds, from.seconds);
  to.successes += from.successes;
  to.failures += from.failures;
  to.secured += from.secured;
  for (const protocol of PROTOCOLS) to[protocol] += from[protocol];
  to.requestBytes += from.requestBytes;
  to.responseBytes += from.responseBytes;
  to.openConnections += from.openConnections;
  to.securedConnections += from.securedConnections;
  addHistogram(to.latency, from.latency);
}

/** A question about what proxies decided of who may call. */
export interface DecisionQuery {
  /** Only what was decided of callers of this namespace's instances; empty for every namespace. */
  namespace: string;
  windowSeconds: number;
}

/** Requests, or connections of what is no HTTP, to one instance, about which the same was decided. */
export interface Decision {
  /** The instance that was called. */
  namespace: string;
  pod: string;
  workload: { kind: string; name: string };
  /** NAMESPACE/NAME; empty for the default. */
  permission: string;
  /** "allow", "deny", "audit" */
  action: string;
  /** The name in the caller's certificate; empty when it showed none. */
  clientIdentity: string;
  count: number;
}

/** The answer to a question about decisions. */
export interface DecisionAnswer {
  decisions: readonly Decision[];
  notes: readonly string[];
  keeper: TrafficKeeper;
}

/** What keeps the figures: a Prometheus that scrapes the proxies, or the control plane's own memory. */
export type TrafficKeeper = "prometheus" | "control-plane";

/** The answer to some queries. */
export interface TrafficAnswer {
  /** Of each query, in their order. */
  groups: readonly (readonly Traffic[])[];
  /** What the reader should know of the figures' quality, a sentence each. */
  notes: readonly string[];
  keeper: TrafficKeeper;
}

/** Queries that nobody can answer: why, and what to try. */
export interface Unanswerable {
  readonly reason: string;
  readonly hint: string;
}

/** Where stats come from: the built-in scraper, or a Prometheus that scrapes the proxies. */
export interface TrafficSource {
  /** @param queries about the same window; all of them are answered from the same figures */
  query(queries: readonly TrafficQuery[]): Promise<Result<TrafficAnswer, Unanswerable>>;
  decisions(query: DecisionQuery): Promise<Result<DecisionAnswer, Unanswerable>>;
}

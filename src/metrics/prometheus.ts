import { type Histogram, histogramOf } from "./histogram.js";
import { type Post, postDirectly } from "./post.js";
import {
  decisionsExpression,
  expressionsOf,
  scrapesExpression,
  trafficLabels,
  watchedExpressions,
} from "./promql.js";
import {
  type Decision,
  type DecisionQuery,
  noTraffic,
  protocolOf,
  type Traffic,
  type TrafficLabel,
  type TrafficQuery,
} from "./traffic.js";

/** Two make a rate; one more, and it is of most of the time. */
const FEWEST_SCRAPES = 3;

/** One series of an answer to an instant query. */
interface Found {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus that scrapes the proxies, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/). */
export class Prometheus {
  /**
   * @param url http or https; a path in it comes before that of the API
   * @param post how it is asked
   */
  constructor(
    readonly url: string,
    private readonly post: Post = postDirectly,
  ) {}

  /**
   * The traffic that each query is about, in their order.
   * @param queries about the same window
   * @param signal ends the wait for an answer
   * @throws Error in a few words: why there is no answer
   */
  async query(queries: readonly TrafficQuery[], signal: AbortSignal): Promise<Traffic[][]> {
    const windowSeconds = Math.max(...queries.map((query) => query.windowSeconds));
    const ask = this.#asker(signal);
    const [, watched, groups] = await Promise.all([
      hasScrapedEnough(windowSeconds, ask),
      Promise.all(watchedExpressions(windowSeconds).map(ask)),
      Promise.all(queries.map((query) => groupsOf(query, ask))),
    ]);
    const seconds = Math.max(...watched.flat().map(({ value }) => value));
    for (const group of groups.flat()) group.seconds = Math.min(windowSeconds, seconds);
    return groups;
  }

  /**
   * What proxies decided of who may call.
   * @param signal ends the wait for an answer
   * @throws Error in a few words: why there is no answer
   */
  async decisions(query: DecisionQuery, signal: AbortSignal): Promise<Decision[]> {
    const ask = this.#asker(signal);
    const [, found] = await Promise.all([
      hasScrapedEnough(query.windowSeconds, ask),
      ask(decisionsExpression(query)),
    ]);
    return found.map(({ labels, value }) => {
      const of = (label: string) => labels[label] ?? "";
      return {
        namespace: of("dst_namespace"),
        pod: of("dst_pod"),
        workload: { kind: of("dst_workload_kind"), name: of("dst_workload") },
        permission: of("permission"),
        action: of("action"),
        clientIdentity: of("client_identity"),
        count: value,
      };
    });
  }

  /** Asks everything of one moment. */
  #asker(signal: AbortSignal): Ask {
    const time = Date.now() / 1000;
    return (expression) => this.#ask(expression, time, signal);
  }

  /** The answer to an instant query. */
  async #ask(query: string, time: number, signal: AbortSignal): Promise<Found[]> {
    const form = new URLSearchParams({ query, time: String(time) });
    const { status, text } = await this.post(`${this.url.replace(/\/+$/, "")}/api/v1/query`, form, signal);
    const answer = readAnswer(text);
    if (answer?.status === "success" && answer.data?.resultType === "vector") {
      return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    }
    throw new Error(answer?.error ?? `status ${status}, and no answer of a Prometheus`);
  }
}

/** What the API answers with, as far as it is read here. */
interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly resultType: string;
    readonly result: readonly { metric: Record<string, string>; value: [number, string] }[];
  };
}

function readAnswer(text: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null && "status" in answer
      ? (answer as Answer)
      : undefined;
  } catch {
    return undefined;
  }
}

type Ask = (expression: string) => Promise<Found[]>;

async function hasScrapedEnough(windowSeconds: number, ask: Ask): Promise<void> {
  const [most] = await ask(scrapesExpression(windowSeconds));
  if (!most) throw new Error("it knows no proxy of the mesh");
  if (most.value < FEWEST_SCRAPES) throw new Error("it has scraped too seldom to tell of so short a time");
}

async function groupsOf(query: TrafficQuery, ask: Ask): Promise<Traffic[]> {
  const expressions = expressionsOf(query);
  const [responses, latency, requestBytes, responseBytes, openConnections] = await Promise.all(
    [
      expressions.responses,
      expressions.latency,
      expressions.bytes.requestBytes,
      expressions.bytes.responseBytes,
      expressions.openConnections,
    ].map(ask),
  );
  const groups = new Groups(query.groupBy);
  for (const found of responses ?? []) {
    const group = groups.of(found);
    if (found.labels["classification"] === "failure") group.failures += found.value;
    else group.successes += found.value;
    if (isSecured(found)) group.secured += found.value;
    const protocol = protocolOf(found.labels["protocol"]);
    if (protocol) group[protocol] += found.value;
  }
  for (const found of requestBytes ?? []) groups.of(found).requestBytes += found.value;
  for (const found of responseBytes ?? []) groups.of(found).responseBytes += found.value;
  for (const found of openConnections ?? []) {
    const group = groups.of(found);
    group.openConnections += found.value;
    if (isSecured(found)) group.securedConnections += found.value;
  }
  groups.addLatency(latency ?? []);
  return groups.all();
}

const isSecured = ({ labels }: Found) => labels["tls"] === "true";

class Groups {
  readonly #groups = new Map<string, Traffic>();

  constructor(private readonly groupBy: readonly TrafficLabel[]) {}

  of({ labels }: Found): Traffic {
    const own = trafficLabels(labels, this.groupBy);
    const key = JSON.stringify(own);
    const known = this.#groups.get(key);
    if (known) return known;
    const group = noTraffic(own);
    this.#groups.set(key, group);
    return group;
  }

  addLatency(buckets: readonly Found[]): void {
    const upTo = new Map<Traffic, [bound: number, count: number][]>();
    for (const found of buckets) {
      const bound = Number(found.labels["le"]?.replace("+Inf", "Infinity"));
      const group = this.of(found);
      upTo.set(group, [...(upTo.get(group) ?? []), [bound, found.value]]);
    }
    for (const [group, counts] of upTo) group.latency = latencyOf(counts);
  }

  all(): Traffic[] {
    return [...this.#groups.values()];
  }
}

const latencyOf = (counts: readonly [bound: number, count: number][]): Histogram =>
  histogramOf(counts.filter(([bound]) => !Number.isNaN(bound)));

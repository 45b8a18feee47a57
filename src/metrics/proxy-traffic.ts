import { DecisionSeries, type DecisionSums } from "./decisions.js";
import { KEPT_SECONDS } from "./history.js";
import { type PageLine, readPage } from "./page-lines.js";
import { readId } from "./prometheus-text.js";
import { Series, type SeriesSums, type Total } from "./series.js";
import {
  type Protocol,
  protocolOf,
  TRAFFIC_LABELS,
  type TrafficLabels,
  type TrafficQuery,
} from "./traffic.js";

/** Whose metrics they are. */
export interface ProxyIdentity {
  name: string;
  namespace: string;
  workload: { kind: string; name: string };
}

/** How many more series there may be, over all proxies that share it. */
export interface SeriesBudget {
  left: number;
}

/** What a line of the page says of its series: a total, a gauge, what was decided, or the upper bound of a latency bucket. */
type Meaning = Total | "openConnections" | "decisions" | { bound: number };

/** A line that is counted. */
interface Counter {
  series: Series | DecisionSeries;
  /** A bucket is its number in the series. */
  meaning: Total | "openConnections" | "decisions" | number;
  /** Of connections between two proxies that know each other. */
  secured: boolean;
  /** Of requests: what they are spoken in, where the proxy tells. */
  protocol: Protocol | undefined;
  /** On the last page. */
  value: number;
}

/** A counter; or that the line says nothing that stats need. */
type Line = PageLine<Counter | "ignored">;

/** The page that is being taken in. */
interface Page {
  time: number;
  /** False when its counters only say where counting begins. */
  counts: boolean;
  /** Whether on the page before there were series without room: what is not known may have been there. */
  afterOverflow: boolean;
  /** Series that find no room. */
  overflow: Set<string>;
}

type Labels = ReadonlyMap<string, string>;

const METRICS: readonly string[] = [
  "mesh_responses_total",
  "mesh_response_latency_seconds_bucket",
  "mesh_tcp_read_bytes_total",
  "mesh_tcp_write_bytes_total",
  "mesh_tcp_open_connections",
  "mesh_permission_decisions_total",
];

// A process that began at most so long before its first page is counted from its start.
const COUNTED_FROM_START_SECONDS = 10;

// Of so many lines that are no longer given the last value is remembered; beyond that the oldest are forgotten.
const MAX_DORMANT_LINES = 10_000;

/**
 * The traffic that one proxy saw in the last ten minutes, from the pages of metrics that it gave. Times are in seconds on a
 * clock that never goes back. Counters that begin again (a restart) count from zero.
 */
export class ProxyTraffic {
  /** Series that found no room on the last page. */
  overflow = 0;
  /** From when on the traffic is known; undefined before the first page. */
  since: number | undefined;
  /** The time of the last page. */
  until = 0;
  readonly #series = new Map<string, Series>();
  readonly #decisions = new Map<string, DecisionSeries>();
  /** Those of the last page, in its order. */
  #lines: readonly Line[] = [];
  /** The last values of lines that went: they go on from there, when the proxy gives them again. */
  readonly #dormant = new Map<string, number>();
  #processStart: number | undefined;

  constructor(
    readonly identity: ProxyIdentity,
    private readonly budget: SeriesBudget,
  ) {}

  /** Whether nothing is known that anybody could ask for. */
  get isEmpty(): boolean {
    return this.#series.size === 0 && this.#decisions.size === 0;
  }

  /**
   * Takes in a page.
   * @param time when it was read
   * @param wallClock the same in seconds since 1970, to be compared with the process's start
   * @throws MetricsTextError when it is not Prometheus text; then nothing of it counts
   */
  ingest(text: string, time: number, wallClock: number): void {
    const { lines, values, processStart } = readPage(text, METRICS, this.#lines);
    const from = this.#countedFrom(processStart, time, wallClock);
    const afterOverflow = this.overflow > 0;
    const page: Page = { time, counts: from !== undefined, afterOverflow, overflow: new Set() };
    this.close();
    lines.forEach((line, index) => this.#take(line, values[index] ?? NaN, page));
    this.#keep(lines, page);
    for (const series of this.#all()) series.commit(from ?? time, time);
    this.overflow = page.overflow.size;
    this.since ??= from ?? time;
    this.until = time;
  }

  /** The proxy is gone: nothing is open any more. */
  close(): void {
    for (const series of this.#series.values()) series.openConnections = series.securedConnections = 0;
  }

  /** Forgets what is too old to be asked for, and makes room for others. */
  expire(now: number): void {
    const expired = new Set<Series | DecisionSeries>();
    for (const kept of [this.#series, this.#decisions]) {
      for (const [key, series] of kept) {
        if (now - series.lastGrowth <= KEPT_SECONDS || series.isOpen) continue;
        kept.delete(key);
        this.budget.left++;
        expired.add(series);
      }
    }
    if (expired.size === 0) return;
    const isExpired = ({ mark }: Line) => typeof mark === "object" && expired.has(mark.series);
    this.#lines.filter(isExpired).forEach((line) => this.#letRest(line));
    this.#lines = this.#lines.filter((line) => !isExpired(line));
  }

  /** What every series that a query is about amounted to between two times. */
  *sums(query: TrafficQuery, from: number, to: number): Generator<SeriesSums, void> {
    for (const series of this.#series.values()) if (series.isAskedFor(query)) yield series.sums(from, to);
  }

  /** What was decided between two times. */
  *decisions(from: number, to: number): Generator<DecisionSums, void> {
    for (const series of this.#decisions.values()) yield series.sums(from, to);
  }

  *#all(): Generator<Series | DecisionSeries, void> {
    yield* this.#series.values();
    yield* this.#decisions.values();
  }

  /** Since when the page's counters grew; undefined when they only say where counting begins. */
  #countedFrom(processStart: number | undefined, now: number, wallClock: number): number | undefined {
    const restarted = this.#processStart !== processStart;
    this.#processStart = processStart;
    if (restarted) {
      for (const { mark } of this.#lines) if (typeof mark === "object") mark.value = 0;
      this.#dormant.clear();
    }
    const age = processStart === undefined ? Infinity : Math.max(0, wallClock - processStart);
    if (this.since !== undefined) return Math.max(this.until, now - age);
    return age <= COUNTED_FROM_START_SECONDS ? now - age : undefined;
  }

  #take(line: Line, value: number, page: Page): void {
    line.mark ??= this.#newMark(line.stem + line.end, value, page);
    if (typeof line.mark !== "object" || Number.isNaN(value)) return;
    const { series, meaning, secured, protocol, value: before } = line.mark;
    const grown = page.counts ? (value >= before ? value - before : value) : 0;
    if (series instanceof DecisionSeries) series.grow(grown);
    else if (meaning === "decisions") return;
    else if (meaning === "openConnections") {
      series.openConnections += value;
      if (secured) series.securedConnections += value;
    } else if (typeof meaning === "number") series.growBucket(meaning, grown);
    else {
      series.grow(meaning, grown);
      if (meaning === "successes" || meaning === "failures") {
        if (secured) series.grow("secured", grown);
        if (protocol) series.grow(protocol, grown);
      }
    }
    line.mark.value = value;
  }

  /** Undefined when there is no room for its series. */
  #newMark(id: string, value: number, page: Page): Counter | "ignored" | undefined {
    const { name, labels } = readId(id);
    const meaning = meaningOf(name, labels);
    if (meaning === undefined) return "ignored";
    const series = meaning === "decisions" ? this.#decisionsFor(labels, page) : this.#seriesFor(labels, page);
    if (series === undefined) return undefined;
    const before = this.#dormant.get(id) ?? (page.afterOverflow && !Number.isNaN(value) ? value : 0);
    this.#dormant.delete(id);
    return {
      series,
      meaning:
        typeof meaning === "object" && series instanceof Series
          ? series.bucketOf(meaning.bound)
          : (meaning as Exclude<Meaning, object>),
      secured: labels.get("tls") === "true",
      protocol: protocolOf(labels.get("protocol")),
      value: before,
    };
  }

  /** Keeps the lines of a page, but for those without room; remembers the values of those that it has no more. */
  #keep(lines: readonly Line[], { overflow }: Page): void {
    if (lines === this.#lines) return;
    const there = new Set(lines);
    for (const line of this.#lines) if (!there.has(line)) this.#letRest(line);
    this.#lines = overflow.size > 0 ? lines.filter(({ mark }) => mark !== undefined) : lines;
  }

  #letRest({ stem, end, mark }: Line): void {
    if (typeof mark !== "object") return;
    const id = stem + end;
    this.#dormant.delete(id);
    this.#dormant.set(id, mark.value);
    const [oldest] = this.#dormant.keys();
    if (this.#dormant.size > MAX_DORMANT_LINES && oldest !== undefined) this.#dormant.delete(oldest);
  }

  #seriesFor(labels: Labels, page: Page): Series | undefined {
    const direction = labels.get("direction") ?? "";
    const own = this.#labelsOf(direction, labels);
    const key = [direction, ...TRAFFIC_LABELS.map((label) => own[label] ?? "")].join("\0");
    return this.#kept(this.#series, key, page, () => new Series(direction, own, page.time));
  }

  #decisionsFor(labels: Labels, page: Page): DecisionSeries | undefined {
    const of = (label: string) => labels.get(label) ?? "";
    const decision = {
      permission: of("permission"),
      action: of("action"),
      clientIdentity: of("client_identity"),
    };
    const key = ["decision", ...Object.values(decision)].join("\0");
    return this.#kept(this.#decisions, key, page, () => new DecisionSeries(decision, page.time));
  }

  /** The series of the key, made when there is room for it. */
  #kept<T>(kept: Map<string, T>, key: string, page: Page, make: () => T): T | undefined {
    const known = kept.get(key);
    if (known !== undefined) return known;
    if (this.budget.left <= 0) {
      page.overflow.add(key);
      return undefined;
    }
    this.budget.left--;
    const series = make();
    kept.set(key, series);
    return series;
  }

  /** What traffic is told apart by: on its own side the proxy itself, on the other what the line says. */
  #labelsOf(direction: string, labels: Labels): TrafficLabels {
    const { name, namespace, workload } = this.identity;
    const side = direction === "inbound" ? "dst" : "src";
    const told = direction === "inbound" ? [] : TRAFFIC_LABELS.filter((label) => label.startsWith("dst_"));
    return {
      ...Object.fromEntries(told.map((label) => [label, labels.get(label) ?? ""])),
      [`${side}_namespace`]: namespace,
      [`${side}_workload_kind`]: workload.kind,
      [`${side}_workload`]: workload.name,
      [`${side}_pod`]: name,
    };
  }
}

/** What a line says; undefined when stats do not need it. */
function meaningOf(name: string, labels: Labels): Meaning | undefined {
  if (name === "mesh_permission_decisions_total") return "decisions";
  if (name === "mesh_responses_total") {
    return labels.get("classification") === "failure" ? "failures" : "successes";
  }
  if (name === "mesh_response_latency_seconds_bucket") {
    const bound = Number(labels.get("le")?.replace("+Inf", "Infinity"));
    return Number.isNaN(bound) ? undefined : { bound };
  }
  // A destination's proxy counts what it exchanges with the source, a source's proxy what with the destination.
  const outbound = labels.get("direction") === "outbound";
  if (labels.get("peer") !== (outbound ? "dst" : "src")) return undefined;
  if (name === "mesh_tcp_open_connections") return "openConnections";
  const readFromPeer = name === "mesh_tcp_read_bytes_total";
  return readFromPeer === outbound ? "responseBytes" : "requestBytes";
}

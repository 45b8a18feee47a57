import { KEPT_SECONDS } from "./history.js";
import { readId, readSamples } from "./prometheus-text.js";
import { Series, type SeriesSums, type Total } from "./series.js";
import { TRAFFIC_LABELS, type TrafficLabels, type TrafficQuery } from "./traffic.js";

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

/** What a line of the page says of its series: a total, the upper bound of a latency bucket, or a gauge. */
type Meaning = { total: Total } | { bucket: number } | "openConnections";

/** A line of the proxy's page that was seen before. */
interface Line {
  series: Series;
  meaning: Meaning;
  value: number;
  page: number;
}

/** The page that is being taken in. */
interface Page {
  number: number;
  time: number;
  /** False when its counters only say where counting begins. */
  counts: boolean;
  /** Series that find no room. */
  overflow: Set<string>;
}

type Labels = ReadonlyMap<string, string>;

const METRICS: ReadonlySet<string> = new Set([
  "mesh_responses_total",
  "mesh_response_latency_seconds_bucket",
  "mesh_tcp_read_bytes_total",
  "mesh_tcp_write_bytes_total",
  "mesh_tcp_open_connections",
]);

// A process that began at most so long before its first page is counted from its start.
const COUNTED_FROM_START_SECONDS = 10;

// Of so many lines that are not followed the last value is remembered; beyond that the oldest are forgotten.
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
  readonly #lines = new Map<string, Line>();
  /** The last values of lines that are not followed: they go on from there, when the proxy gives them again. */
  readonly #dormant = new Map<string, number>();
  #pages = 0;
  #processStart: number | undefined;

  constructor(
    readonly identity: ProxyIdentity,
    private readonly budget: SeriesBudget,
  ) {}

  /** Whether nothing is known that anybody could ask for. */
  get isEmpty(): boolean {
    return this.#series.size === 0;
  }

  /**
   * Takes in a page.
   * @param time when it was read
   * @param wallClock the same in seconds since 1970, to be compared with the process's start
   * @throws MetricsTextError when it is not Prometheus text; then nothing of it counts
   */
  ingest(text: string, time: number, wallClock: number): void {
    const samples = [...readSamples(text)];
    const start = samples.find(({ id }) => id === "process_start_time_seconds")?.value;
    const from = this.#countedFrom(start, time, wallClock);
    const page = { number: ++this.#pages, time, counts: from !== undefined, overflow: new Set<string>() };
    this.close();
    for (const { id, value } of samples) this.#take(id, value, page);
    for (const [id, line] of this.#lines) if (line.page !== page.number) this.#letRest(id, line.value);
    for (const series of this.#series.values()) series.commit(from ?? time, time);
    this.overflow = page.overflow.size;
    this.since ??= from ?? time;
    this.until = time;
  }

  /** The proxy is gone: nothing is open any more. */
  close(): void {
    for (const series of this.#series.values()) series.openConnections = 0;
  }

  /** Forgets what is too old to be asked for, and makes room for others. */
  expire(now: number): void {
    const expired = new Set<Series>();
    for (const [key, series] of this.#series) {
      if (now - series.lastGrowth <= KEPT_SECONDS || series.openConnections > 0) continue;
      this.#series.delete(key);
      this.budget.left++;
      expired.add(series);
    }
    if (expired.size === 0) return;
    for (const [id, line] of this.#lines) if (expired.has(line.series)) this.#letRest(id, line.value);
  }

  /** What every series that a query is about amounted to between two times. */
  *sums(query: TrafficQuery, from: number, to: number): Generator<SeriesSums, void> {
    for (const series of this.#series.values()) if (series.isAskedFor(query)) yield series.sums(from, to);
  }

  /** Since when the page's counters grew; undefined when they only say where counting begins. */
  #countedFrom(processStart: number | undefined, now: number, wallClock: number): number | undefined {
    const restarted = this.#processStart !== processStart;
    this.#processStart = processStart;
    if (restarted) {
      for (const line of this.#lines.values()) line.value = 0;
      this.#dormant.clear();
    }
    const age = processStart === undefined ? Infinity : Math.max(0, wallClock - processStart);
    if (this.#pages > 0) return Math.max(this.until, now - age);
    return age <= COUNTED_FROM_START_SECONDS ? now - age : undefined;
  }

  #take(id: string, value: number, page: Page): void {
    const known = this.#lines.get(id);
    const line = known ?? this.#newLine(id, page);
    if (Number.isNaN(value)) return;
    if (line === undefined) {
      if (isMeasured(id)) this.#letRest(id, value);
      return;
    }
    const { series, meaning } = line;
    const grown = value >= line.value ? value - line.value : value;
    if (meaning === "openConnections") series.openConnections += value;
    else if (page.counts && "total" in meaning) series.grow(meaning.total, grown);
    else if ("bucket" in meaning) series.growBucket(meaning.bucket, page.counts ? grown : 0);
    line.value = value;
    line.page = page.number;
  }

  #newLine(id: string, page: Page): Line | undefined {
    if (!isMeasured(id)) return undefined;
    const { name, labels } = readId(id);
    const meaning = meaningOf(name, labels);
    const series = meaning === undefined ? undefined : this.#seriesFor(labels, page);
    if (meaning === undefined || series === undefined) return undefined;
    const line = { series, meaning, value: this.#dormant.get(id) ?? 0, page: page.number };
    this.#dormant.delete(id);
    this.#lines.set(id, line);
    return line;
  }

  #letRest(id: string, value: number): void {
    this.#lines.delete(id);
    this.#dormant.delete(id);
    this.#dormant.set(id, value);
    const [oldest] = this.#dormant.keys();
    if (this.#dormant.size > MAX_DORMANT_LINES && oldest !== undefined) this.#dormant.delete(oldest);
  }

  #seriesFor(labels: Labels, page: Page): Series | undefined {
    const direction = labels.get("direction") ?? "";
    const own = this.#labelsOf(direction, labels);
    const key = [direction, ...TRAFFIC_LABELS.map((label) => own[label] ?? "")].join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.budget.left <= 0) {
      page.overflow.add(key);
      return undefined;
    }
    this.budget.left--;
    const series = new Series(direction, own, page.time);
    this.#series.set(key, series);
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

/** Whether a line is of a metric that stats are made of. */
function isMeasured(id: string): boolean {
  const brace = id.indexOf("{");
  return METRICS.has(brace === -1 ? id : id.slice(0, brace));
}

/** What a line says; undefined when stats do not need it. */
function meaningOf(name: string, labels: Labels): Meaning | undefined {
  if (name === "mesh_responses_total") {
    return { total: labels.get("classification") === "failure" ? "failures" : "successes" };
  }
  if (name === "mesh_response_latency_seconds_bucket") {
    const bucket = Number(labels.get("le")?.replace("+Inf", "Infinity"));
    return Number.isNaN(bucket) ? undefined : { bucket };
  }
  // A destination's proxy counts what it exchanges with the source, a source's proxy what with the destination.
  const outbound = labels.get("direction") === "outbound";
  if (labels.get("peer") !== (outbound ? "dst" : "src")) return undefined;
  if (name === "mesh_tcp_open_connections") return "openConnections";
  const readFromPeer = name === "mesh_tcp_read_bytes_total";
  return { total: readFromPeer === outbound ? "responseBytes" : "requestBytes" };
}

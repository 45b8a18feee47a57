import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { KEPT_SECONDS } from "./history.js";
import { fail, ok, type Result } from "../result/index.js";
import { fetchPage } from "./page.js";
import type { ProxyIdentity, ProxyTraffic } from "./proxy-traffic.js";
import { TrafficMemory } from "./traffic-memory.js";
import type {
  DecisionAnswer,
  DecisionQuery,
  TrafficAnswer,
  TrafficQuery,
  TrafficSource,
  Unanswerable,
} from "./traffic.js";

const INTERVAL_MS = 2_000;
// With many proxies each has its turn less often, so that what scraping costs does not grow with the cluster.
const MOST_A_SECOND = 25;
// A proxy's turn comes a little earlier or later each time, so that they do not all come at once.
const JITTER_SHARE = 0.1;
// A proxy that goes on failing is asked less and less often.
const SLOWEST_INTERVAL_MS = 10_000;
const FAILURES_UNTIL_NOTED = 3;
const EXPIRE_EVERY_MS = 30_000;
// One that reads only when it is asked goes on for so long after a question.
const INTEREST_SECONDS = KEPT_SECONDS;
const MAX_SERIES = 5_000;
// Proxies with the same trouble are not all named.
const NAMED_FAILURES = 3;

const KEPT_MINUTES = KEPT_SECONDS / 60;
const TOO_LONG: Unanswerable = {
  reason: `the control plane itself keeps ${KEPT_MINUTES} minutes of traffic`,
  hint: `-t ${KEPT_MINUTES}m, or give the control plane a Prometheus: --prometheus-url URL`,
};

/** A proxy to be scraped. */
export interface ScrapeTarget extends ProxyIdentity {
  /** host:port of its admin listener; empty when it has none. */
  adminAddress: string;
}

/** How a scraper works. */
export interface ScraperOptions {
  readonly maxSeries?: number;
  /** Reads nothing before it is asked, nor when it was not asked for ten minutes: somebody else answers most questions. */
  readonly onlyWhenAsked?: boolean;
}

/** The scraping of one proxy. */
interface Scrape {
  identity: ProxyIdentity;
  address: string;
  traffic: ProxyTraffic;
  stop: AbortController;
  failures: number;
  lastFailure: string;
}

/**
 * Reads the metrics of every sidecar about every two seconds, of very many less often, and keeps what stats need of the last ten
 * minutes, within bounds: at most so many series, the rest is counted and told. What was seen by proxies that have left stays as long.
 */
export class Scraper implements TrafficSource {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #scrapes = new Map<string, Scrape>();
  readonly #options: Required<ScraperOptions>;
  #memory: TrafficMemory;
  #startedAt = now();
  #askedAt = -Infinity;
  /** Those who wait until somebody asks; undefined while it reads. */
  #sleepers: Set<() => void> | undefined;
  readonly #expiry: NodeJS.Timeout;

  constructor({ maxSeries = MAX_SERIES, onlyWhenAsked = false }: ScraperOptions = {}) {
    this.#options = { maxSeries, onlyWhenAsked };
    this.#memory = new TrafficMemory(maxSeries);
    if (onlyWhenAsked) this.#sleepers = new Set();
    this.#expiry = setInterval(() => this.#expire(), EXPIRE_EVERY_MS).unref();
  }

  /** Begins to scrape a proxy, instead of the one of the same name if there is one. */
  add(target: ScrapeTarget): void {
    this.remove(target);
    if (target.adminAddress === "") return;
    const traffic = this.#memory.of(target);
    const scrape = {
      identity: target,
      address: target.adminAddress,
      traffic,
      stop: new AbortController(),
      failures: 0,
      lastFailure: "",
    };
    this.#scrapes.set(keyOf(target), scrape);
    void this.#scrapeUntilStopped(scrape);
  }

  /** Stops scraping a proxy. What it saw is kept. */
  remove(target: Pick<ScrapeTarget, "namespace" | "name">): void {
    const scrape = this.#scrapes.get(keyOf(target));
    if (scrape === undefined) return;
    this.#scrapes.delete(keyOf(target));
    scrape.stop.abort();
    scrape.traffic.close();
  }

  /** Stops scraping altogether. */
  close(): void {
    for (const { traffic } of this.#scrapes.values()) this.remove(traffic.identity);
    clearInterval(this.#expiry);
    this.#agent.destroy();
  }

  query(queries: readonly TrafficQuery[]): Promise<Result<TrafficAnswer, Unanswerable>> {
    const windowSeconds = Math.max(...queries.map((query) => query.windowSeconds));
    return this.#answer(windowSeconds, (turnSeconds) => ({
      groups: queries.map((query) => this.#memory.query(query, now(), turnSeconds)),
    }));
  }

  decisions(query: DecisionQuery): Promise<Result<DecisionAnswer, Unanswerable>> {
    return this.#answer(query.windowSeconds, (turnSeconds) => ({
      decisions: this.#memory.decisions(query, now(), turnSeconds),
    }));
  }

  #answer<T>(
    windowSeconds: number,
    look: (turnSeconds: number) => T,
  ): Promise<Result<T & Pick<TrafficAnswer, "notes" | "keeper">, Unanswerable>> {
    if (windowSeconds > KEPT_SECONDS) return Promise.resolve(fail(TOO_LONG));
    this.#wake();
    const found = look(intervalMs(this.#scrapes.size) / 1_000);
    const notes = [...this.#windowNotes(windowSeconds), ...this.#qualityNotes()];
    return Promise.resolve(ok({ ...found, notes, keeper: "control-plane" }));
  }

  async #scrapeUntilStopped(scrape: Scrape): Promise<void> {
    const { signal } = scrape.stop;
    const pauseFor = (ms: number) => delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
    let begins = true;
    while (!signal.aborted) {
      if (this.#sleepers !== undefined) {
        await this.#untilAsked(this.#sleepers, signal);
        begins = true;
      }
      const first = intervalMs(this.#scrapes.size);
      // Very many are not all asked at once when the control plane starts.
      if (begins && first > INTERVAL_MS) await pauseFor(Math.random() * first);
      begins = false;
      await this.#scrape(scrape);
      const interval = intervalMs(this.#scrapes.size);
      const pause = Math.min(
        interval * Math.max(1, scrape.failures - FAILURES_UNTIL_NOTED),
        Math.max(interval, SLOWEST_INTERVAL_MS),
      );
      const jitter = JITTER_SHARE * pause * (2 * Math.random() - 1);
      await pauseFor(pause + jitter);
    }
  }

  #wake(): void {
    this.#askedAt = now();
    const sleepers = this.#sleepers;
    if (sleepers === undefined) return;
    this.#sleepers = undefined;
    this.#startedAt = now();
    for (const wake of sleepers) wake();
  }

  #untilAsked(sleepers: Set<() => void>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        sleepers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      sleepers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #expire(): void {
    const { onlyWhenAsked, maxSeries } = this.#options;
    if (!onlyWhenAsked || now() - this.#askedAt <= INTEREST_SECONDS) {
      this.#memory.expire(now());
      return;
    }
    // What happens until it is asked again would be taken for the traffic of a moment.
    this.#sleepers ??= new Set();
    this.#memory = new TrafficMemory(maxSeries);
    for (const scrape of this.#scrapes.values()) {
      scrape.traffic = this.#memory.of(scrape.identity);
      scrape.failures = 0;
    }
  }

  async #scrape(scrape: Scrape): Promise<void> {
    // Of before the page was asked for: the memory may be another when it comes.
    const { traffic, stop } = scrape;
    const { signal } = stop;
    try {
      const page = await fetchPage(scrape.address, this.#agent, signal);
      if (signal.aborted) return;
      traffic.ingest(page, now(), Date.now() / 1000);
      scrape.failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      scrape.failures++;
      scrape.lastFailure = error instanceof Error ? error.message : String(error);
      if (scrape.failures >= FAILURES_UNTIL_NOTED) scrape.traffic.close();
    }
  }

  #windowNotes(windowSeconds: number): string[] {
    const watched = now() - this.#startedAt;
    if (watched >= windowSeconds) return [];
    if (this.#options.onlyWhenAsked && watched < 1)
      return [
        "the control plane reads sidecars only when it is asked, and begins now: ask again in some seconds",
      ];
    return [`the control plane began to watch ${Math.ceil(watched)}s ago; the figures are of that time`];
  }

  #qualityNotes(): string[] {
    const failing = [...this.#scrapes.values()].filter(({ failures }) => failures >= FAILURES_UNTIL_NOTED);
    const notes = failing.slice(0, NAMED_FAILURES).map(({ traffic: { identity }, lastFailure }) => {
      return `the proxy of ${identity.namespace}/${identity.name} does not give its metrics and is left out: ${lastFailure}`;
    });
    if (failing.length > NAMED_FAILURES)
      notes.push(`${failing.length - NAMED_FAILURES} more proxies do not give their metrics`);
    const { overflow, maxSeries } = this.#memory;
    if (overflow > 0) notes.push(`${overflow} series beyond the first ${maxSeries} are not counted`);
    return notes;
  }
}

/** How long after one turn a proxy has its next, when there are so many. */
export function intervalMs(proxies: number): number {
  return Math.max(INTERVAL_MS, (proxies / MOST_A_SECOND) * 1_000);
}

/** Seconds on a clock that never goes back. */
function now(): number {
  return performance.now() / 1000;
}

function keyOf({ namespace, name }: Pick<ScrapeTarget, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

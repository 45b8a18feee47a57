import { ok, type Result } from "../result/index.js";
import { postDirectly, postThrough } from "./post.js";
import { Prometheus } from "./prometheus.js";
import type {
  DecisionAnswer,
  DecisionQuery,
  TrafficAnswer,
  TrafficQuery,
  TrafficSource,
  Unanswerable,
} from "./traffic.js";

const ANSWER_WITHIN_MS = 3_000;
// Of one that lets people wait; who asks every two seconds is not made to wait each time.
const LEFT_ALONE_MS = 15_000;
// It scrapes every ten seconds or so: of less than some scrapes nothing can be said.
const SHORTEST_SECONDS = 60;

/**
 * Asks a Prometheus, which remembers for long and has scraped every proxy, and the other source where that does not answer or
 * the window is too short for it.
 */
export class PrometheusFirst implements TrafficSource {
  readonly #prometheus: Prometheus;
  #silent: { since: number; reason: string } | undefined;

  /** @param proxy HOST:PORT of an HTTP proxy by which it is asked */
  constructor(
    url: string,
    private readonly otherwise: TrafficSource,
    proxy?: string,
  ) {
    this.#prometheus = new Prometheus(url, proxy === undefined ? postDirectly : postThrough(proxy));
  }

  query(queries: readonly TrafficQuery[]): Promise<Result<TrafficAnswer, Unanswerable>> {
    const windowSeconds = Math.max(...queries.map((query) => query.windowSeconds));
    return this.#ask<Pick<TrafficAnswer, "groups">>(
      windowSeconds,
      async (signal) => ({ groups: await this.#prometheus.query(queries, signal) }),
      () => this.otherwise.query(queries),
    );
  }

  decisions(query: DecisionQuery): Promise<Result<DecisionAnswer, Unanswerable>> {
    return this.#ask<Pick<DecisionAnswer, "decisions">>(
      query.windowSeconds,
      async (signal) => ({ decisions: await this.#prometheus.decisions(query, signal) }),
      () => this.otherwise.decisions(query),
    );
  }

  async #ask<T extends object>(
    windowSeconds: number,
    ask: (signal: AbortSignal) => Promise<T>,
    askOther: () => Promise<Result<T & Told, Unanswerable>>,
  ): Promise<Result<T & Told, Unanswerable>> {
    if (windowSeconds < SHORTEST_SECONDS) {
      return because(`Prometheus is not asked about less than ${SHORTEST_SECONDS}s`, await askOther());
    }
    const silent = this.#silent;
    if (silent && performance.now() - silent.since < LEFT_ALONE_MS) {
      return because(silent.reason, await askOther());
    }
    try {
      const found = await ask(AbortSignal.timeout(ANSWER_WITHIN_MS));
      return ok({ ...found, notes: [], keeper: "prometheus" });
    } catch (error) {
      const reason = `Prometheus (${this.#prometheus.url}): ${reasonOf(error)}`;
      this.#silent = isTimeout(error) ? { since: performance.now(), reason } : undefined;
      return because(reason, await askOther());
    }
  }
}

type Told = Pick<TrafficAnswer, "notes" | "keeper">;

/** The other source's answer, and why it is that one's. */
function because<T extends Told>(reason: string, answer: Result<T, Unanswerable>): Result<T, Unanswerable> {
  if (!answer.ok) {
    return { ...answer, error: { ...answer.error, reason: `${reason}; ${answer.error.reason}` } };
  }
  const note = `${reason}; the figures are what the control plane itself has seen`;
  return ok({ ...answer.value, notes: [note, ...answer.value.notes] });
}

const isTimeout = (error: unknown) => error instanceof Error && error.name === "TimeoutError";

/** Why a call has failed, in a few words; the library hides what is of interest in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isTimeout(error)) return `no answer within ${ANSWER_WITHIN_MS / 1000}s`;
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error.message;
}

import { performance } from "node:perf_hooks";
import { type Channel, channelsTo } from "./channel.js";
import { LatencyHistogram, type Percentiles } from "./histogram.js";
import { failureOf, type Outcome } from "./outcome.js";
import { Queue } from "./queue.js";
import type { Target } from "./target.js";
import { usageOfProxy, type Usage } from "./usage.js";

/** One measurement that a load generator is to make. */
export interface LoadJob {
  readonly target: Target;
  /** How many requests are sent at once; in HTTP/1 and TCP each on a connection of its own. */
  readonly connections: number;
  /** Requests a second; null for as many as the target takes. */
  readonly rate: number | null;
  readonly durationMs: number;
  /** A request without a complete answer after this time has failed. */
  readonly timeoutMs: number;
}

/** What a measurement found. */
export interface LoadResult {
  /** Requests answered with 2xx; of gRPC those whose status is 0, of TCP messages that came back. */
  readonly answered: number;
  /** From the first release to the end of the time, or to the last answer if that was later. */
  readonly seconds: number;
  /** Null when nothing was answered. */
  readonly latencyUs: Percentiles | null;
  /** How many requests failed, by reason: `status 503`, `timeout`, `connection reset`. */
  readonly failures: Readonly<Record<string, number>>;
  /** What the target's processes used meanwhile, in its order; null where that cannot be read. */
  readonly usage: readonly (Usage | null)[];
  readonly generator: {
    /** Share of one core that the load generator used, 0 to 1 and a little more. */
    readonly cpu: number;
    /** How much later than planned the generator released requests, 99th percentile in µs; 0 without a rate. */
    readonly lateUs: number;
  };
}

const SWEEP_MS = 100;
const TICK_MS = 1;
const PAUSE_AFTER_FAILURE_MS = 50;

/**
 * Loads a target from this process, and measures.
 *
 * Without a rate each connection sends its next request when the last one is answered. With a rate, requests are released by
 * the clock, whatever the target does; one that finds every connection busy waits for its turn, and its latency counts from its
 * release, not from when it was sent. So a target that stalls is charged for everything that it kept waiting (no coordinated
 * omission). Requests that are still out at the end of the time are waited for. The clock ticks about once a millisecond; what
 * the generator itself is late is no latency of the target's, and is reported by itself.
 *
 * Every connection is opened, and used once, before the measurement begins.
 */
export async function runLoad(job: LoadJob): Promise<LoadResult> {
  const load = new Load(job);
  try {
    await load.open();
    return await load.measure();
  } finally {
    load.close();
  }
}

class Load {
  readonly #job: LoadJob;
  readonly #channels: readonly Channel[];
  readonly #latencies = new LatencyHistogram();
  readonly #lateness = new LatencyHistogram();
  readonly #failures: Record<string, number> = {};
  readonly #sweep: NodeJS.Timeout;
  #answered = 0;
  #lastAnswer = 0;
  /** What happens to a connection that has finished a request. */
  #onFree: (channel: Channel) => void = () => undefined;

  constructor(job: LoadJob) {
    this.#job = job;
    const events = {
      finished: (channel: Channel, released: number, outcome: Outcome) =>
        this.#finished(channel, released, outcome),
    };
    this.#channels = channelsTo(job.target, job.connections, events);
    this.#sweep = setInterval(() => this.#timeOut(), SWEEP_MS);
  }

  /** Opens every connection, with a request on each that is not counted unless it fails. */
  async open(): Promise<void> {
    await new Promise<void>((resolve) => {
      let opening = this.#channels.length;
      this.#onFree = () => {
        opening -= 1;
        if (opening === 0) resolve();
      };
      for (const channel of this.#channels) channel.send(performance.now());
    });
    this.#answered = 0;
  }

  async measure(): Promise<LoadResult> {
    const { target, rate, durationMs } = this.#job;
    this.#latencies.reset();
    const before = await Promise.all(target.processes.map(usageOfProxy));
    const cpu = process.cpuUsage();
    const start = performance.now();
    if (rate === null) await this.#saturate(start + durationMs);
    else await this.#pace(rate, start);
    const { user, system } = process.cpuUsage(cpu);
    const elapsedMs = performance.now() - start;
    const after = await Promise.all(target.processes.map(usageOfProxy));
    return {
      answered: this.#answered,
      seconds: Math.max(durationMs, this.#lastAnswer - start) / 1000,
      latencyUs: this.#latencies.percentiles(),
      failures: this.#failures,
      usage: after.map((used, index) => usedSince(before[index] ?? null, used)),
      generator: {
        cpu: (user + system) / 1000 / elapsedMs,
        lateUs: this.#lateness.percentiles()?.p99 ?? 0,
      },
    };
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const channel of this.#channels) channel.close();
  }

  /** Keeps every connection busy until `end`, then waits for the answers that are still out. */
  #saturate(end: number): Promise<void> {
    return new Promise((resolve) => {
      let busy = this.#channels.length;
      this.#onFree = (channel) => {
        const now = performance.now();
        if (now < end) {
          channel.send(now);
          return;
        }
        busy -= 1;
        if (busy === 0) resolve();
      };
      for (const channel of this.#channels) channel.send(performance.now());
    });
  }

  /** Releases requests by the clock until the time is over, then waits for the answers that are still out. */
  #pace(rate: number, start: number): Promise<void> {
    const planned = Math.max(1, Math.round((rate * this.#job.durationMs) / 1000));
    const gap = 1000 / rate;
    const idle = new Queue<Channel>(this.#channels);
    const waiting = new Queue<number>();
    let released = 0;
    return new Promise((resolve) => {
      let giveUp: NodeJS.Timeout | null = null;
      const end = () => {
        if (giveUp !== null) clearTimeout(giveUp);
        this.#onFree = () => undefined;
        resolve();
      };
      this.#onFree = (channel) => {
        const next = waiting.take();
        if (next !== undefined) {
          channel.send(next);
          return;
        }
        idle.put(channel);
        if (released === planned && idle.length === this.#channels.length) end();
      };
      const tick = () => {
        const now = performance.now();
        for (let due = start + released * gap; released < planned && due <= now; due += gap) {
          this.#lateness.record(now - due);
          released += 1;
          const channel = idle.take();
          if (channel === undefined) waiting.put(now);
          else channel.send(now);
        }
        if (released < planned) setTimeout(tick, TICK_MS);
        else giveUp = setTimeout(abandonAll, this.#job.timeoutMs);
      };
      const abandonAll = () => {
        end();
        while (waiting.take() !== undefined) this.#fail("timeout");
        for (const channel of this.#channels) channel.abandon("timeout");
      };
      tick();
    });
  }

  #finished(channel: Channel, released: number, outcome: Outcome): void {
    const failure = failureOf(outcome);
    if (failure === undefined) {
      const now = performance.now();
      this.#answered += 1;
      this.#lastAnswer = now;
      this.#latencies.record(now - released);
    } else {
      this.#fail(failure);
    }
    // A target that fails at once must not be asked again and again without a breath.
    if (outcome.kind === "answered") this.#onFree(channel);
    else setTimeout(() => this.#onFree(channel), PAUSE_AFTER_FAILURE_MS);
  }

  #fail(reason: string): void {
    this.#failures[reason] = (this.#failures[reason] ?? 0) + 1;
  }

  #timeOut(): void {
    const latest = performance.now() - this.#job.timeoutMs;
    for (const channel of this.#channels) {
      if (channel.released !== null && channel.released < latest) channel.abandon("timeout");
    }
  }
}

function usedSince(before: Usage | null, now: Usage | null): Usage | null {
  if (before === null || now === null) return null;
  return { cpuUs: now.cpuUs - before.cpuUs, rssBytes: now.rssBytes };
}

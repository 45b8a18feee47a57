import type { Percentiles } from "./histogram.js";
import type { LoadResult } from "./load.js";
import type { Machine } from "./machine.js";
import { notesOn } from "./notes.js";
import type { Protocol } from "./protocol.js";
import { spreadOf, type Spread } from "./spread.js";
import type { Target } from "./target.js";

/** How a bench loads. */
export interface LoadSettings {
  readonly protocol: Protocol;
  /** Whether the two sidecars speak mTLS to each other. */
  readonly tls: boolean;
  /** How many requests are sent at once; in HTTP/1 and TCP each on a connection of its own. */
  readonly connections: number;
  /** Requests a second while latency is measured. */
  readonly rate: number;
  /** How long each measurement lasts. */
  readonly durationMs: number;
  readonly rounds: number;
}

/** What one round measured of one target. */
export interface Round {
  /** As many requests as the target takes. */
  readonly saturated: LoadResult;
  /** At the rate of the settings. */
  readonly paced: LoadResult;
}

/** One target's figures over all rounds. Null is what could not be measured. */
export interface TargetReport {
  readonly name: string;
  readonly url: string;
  /** The proxy that was asked for it, `host:port`; null for a direct call, and where connections are redirected. */
  readonly proxy: string | null;
  /** Requests a second at saturation. */
  readonly throughput: Spread | null;
  /** Latencies at the rate of the settings, in µs. */
  readonly latencyUs: { readonly [P in keyof Percentiles]: Spread | null };
  /** What the proxies in the way add to the direct call: the difference of the medians, and each round's own difference. */
  readonly addedUs: { readonly p50: Spread; readonly p99: Spread } | null;
  /** CPU time of all its proxies together, in µs a request. */
  readonly cpuUsPerRequest: { readonly saturated: Spread | null; readonly paced: Spread | null };
  /** Resident memory of its largest proxy under load: in each round, the larger of its two measurements. */
  readonly rssBytes: Spread | null;
  /** Requests that succeeded, over all rounds. */
  readonly answered: number;
  /** Requests that failed, over all rounds. */
  readonly failed: number;
  /** The same by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly rounds: readonly Round[];
}

/** What `mesh bench` found. The first target is the direct call. */
export interface BenchReport {
  readonly machine: Machine;
  readonly settings: LoadSettings;
  readonly targets: readonly TargetReport[];
  /** What the reader should know of the figures' quality, a sentence each. */
  readonly notes: readonly string[];
}

/** Sums up what was measured: for each target, in the order of measurement, its rounds. The first target is the direct call. */
export function reportOn(
  machine: Machine,
  settings: LoadSettings,
  measured: readonly { readonly target: Target; readonly rounds: readonly Round[] }[],
): BenchReport {
  const direct = measured[0]?.rounds ?? [];
  const targets = measured.map(({ target, rounds }, place) =>
    targetReport(target, rounds, place === 0 ? null : direct),
  );
  return { machine, settings, targets, notes: notesOn(machine, settings, targets) };
}

/** @param direct what was measured of the direct call; null when this is it */
function targetReport(
  target: Target,
  rounds: readonly Round[],
  direct: readonly Round[] | null,
): TargetReport {
  const latency = (percentile: keyof Percentiles) =>
    spreadOf(rounds.map(({ paced }) => paced.latencyUs?.[percentile] ?? null));
  const failures = sumFailures(
    rounds.flatMap(({ saturated, paced }) => [saturated.failures, paced.failures]),
  );
  return {
    name: target.name,
    url: target.url,
    proxy: target.proxy === null ? null : `${target.proxy.host}:${target.proxy.port}`,
    throughput: spreadOf(rounds.map(({ saturated }) => saturated.answered / saturated.seconds)),
    latencyUs: {
      p50: latency("p50"),
      p90: latency("p90"),
      p99: latency("p99"),
      p999: latency("p999"),
      max: latency("max"),
    },
    addedUs: direct === null ? null : addedTo(direct, rounds),
    cpuUsPerRequest: {
      saturated: spreadOf(rounds.map(({ saturated }) => cpuPerRequest(saturated))),
      paced: spreadOf(rounds.map(({ paced }) => cpuPerRequest(paced))),
    },
    rssBytes: spreadOf(rounds.map(largestProcess)),
    answered: rounds.reduce((sum, { saturated, paced }) => sum + saturated.answered + paced.answered, 0),
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures,
    rounds,
  };
}

function addedTo(direct: readonly Round[], proxied: readonly Round[]): TargetReport["addedUs"] {
  const added = (percentile: keyof Percentiles): Spread | null => {
    const of = (round: Round | undefined) => round?.paced.latencyUs?.[percentile] ?? null;
    const [before, after] = [spreadOf(direct.map(of)), spreadOf(proxied.map(of))];
    const byRound = spreadOf(
      proxied.map((round, index) => {
        const [without, through] = [of(direct[index]), of(round)];
        return without === null || through === null ? null : through - without;
      }),
    );
    if (before === null || after === null || byRound === null) return null;
    return { ...byRound, median: after.median - before.median };
  };
  const [p50, p99] = [added("p50"), added("p99")];
  return p50 === null || p99 === null ? null : { p50, p99 };
}

/** Null when there are no proxies, when one of them could not be read, or when nothing was answered. */
function cpuPerRequest({ usage, answered }: LoadResult): number | null {
  if (usage.length === 0 || answered === 0) return null;
  let sum = 0;
  for (const used of usage) {
    if (used === null) return null;
    sum += used.cpuUs;
  }
  return sum / answered;
}

function largestProcess({ saturated, paced }: Round): number | null {
  const sizes = [...saturated.usage, ...paced.usage].map((used) => used?.rssBytes ?? null);
  return spreadOf(sizes)?.max ?? null;
}

function sumFailures(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [reason, count] of all.flatMap((failures) => Object.entries(failures))) {
    sum[reason] = (sum[reason] ?? 0) + count;
  }
  return sum;
}

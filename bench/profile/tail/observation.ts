import type { PacedRequest } from "../../proxies/load.js";
import type { Happenings } from "./happenings.js";
import { followRequests, type Passage } from "./passages.js";
import { type Place, placesOver, servingThreads, siblings } from "./places.js";
import type { Scheduling, Spent, State } from "./scheduling.js";

/** A part of a request's way: at a place, on the way there or back. */
export interface Leg {
  readonly place: Place;
  readonly direction: "request" | "both" | "answer";
}

/** A request, and what was done about it. Times are in µs. */
export interface FollowedRequest {
  /** By the trace's clock. */
  readonly began: number;
  readonly took: number;
  /** What the thread that served did at each leg of the way. */
  readonly legs: readonly Spent[];
}

/** What a thread did while it served, in µs. */
export interface ThreadTimes {
  readonly place: Place;
  /** How long it ran at a stretch, and waited for a core. */
  readonly runs: readonly number[];
  readonly waits: readonly number[];
  /** How often it went on on another core. */
  readonly moves: number;
  /** The same of the other threads of its process. */
  readonly otherRuns: readonly number[];
}

/** What one run of the load showed. */
export interface Observation {
  readonly requests: readonly PacedRequest[];
  readonly legs: readonly Leg[];
  readonly followed: readonly FollowedRequest[];
  readonly threads: readonly ThreadTimes[];
  /** Who had the core for how long while the slowest percent waited for it at some place, in µs. */
  readonly instead: ReadonlyMap<string, number>;
  /** The share of switches between threads that the kernel did not tell of. */
  readonly untold: number;
}

/** The share of the requests that is looked at. */
export const SLOWEST = 0.01;

/** Names for a thread that has a core: a place's, the bench's own, or that of its program. */
type NameOf = (thread: number, name: string) => string;

/** Puts together what the load generator and the kernel told. @param ports that a request comes to, the backend's last */
export function observe(
  requests: readonly PacedRequest[],
  { scheduling, segments }: Happenings,
  ports: readonly number[],
): Observation {
  const passages = followRequests(requests, ports, segments);
  const places = placesOver(ports);
  const threads = servingThreads(ports, segments);
  const legs = legsOver(places);
  const threadOf = ({ place }: Leg) => threads[places.indexOf(place)];
  const servers = legs.map(threadOf);
  const slowest = slowestOf(passages);
  const nameOf: NameOf = (thread, name) => {
    const place = places[threads.indexOf(thread)];
    if (place !== undefined) return place;
    return siblings(process.pid).includes(thread) || thread === process.pid
      ? "bench and control plane"
      : name;
  };
  return {
    requests,
    legs,
    followed: passages.map((passage) => follow(passage, servers, scheduling)),
    threads: places.map((place, index) => timesOf(place, threads[index], scheduling)),
    instead: ranInstead(slowest, servers, scheduling, nameOf),
    untold: scheduling.untold,
  };
}

/** There from the first place on, to the last one, and back. */
function legsOver(places: readonly Place[]): readonly Leg[] {
  const way = places.slice(0, -1);
  const there = way.map((place): Leg => ({ place, direction: "request" }));
  const back = way.map((place): Leg => ({ place, direction: "answer" })).reverse();
  return [...there, { place: "backend", direction: "both" }, ...back];
}

/** The slowest of some requests, the slowest first. */
export function slowestOf<Request extends { readonly took: number }>(
  requests: readonly Request[],
): readonly Request[] {
  const slowestFirst = [...requests].sort((one, other) => other.took - one.took);
  return slowestFirst.slice(0, Math.round(requests.length * SLOWEST));
}

function follow(
  { took, moments }: Passage,
  servers: readonly (number | undefined)[],
  scheduling: Scheduling,
): FollowedRequest {
  const legs = servers.map((thread, leg): Spent => {
    const [from = 0, to = from] = [moments[leg], moments[leg + 1]];
    return thread === undefined
      ? { running: 0, waiting: 0, asleep: to - from }
      : scheduling.spent(thread, from, to);
  });
  return { began: moments[0] ?? 0, took, legs };
}

function timesOf(place: Place, thread: number | undefined, scheduling: Scheduling): ThreadTimes {
  if (thread === undefined) return { place, runs: [], waits: [], moves: 0, otherRuns: [] };
  const lengths = (of: number, state: State) =>
    scheduling
      .stretches(of)
      .filter((stretch) => stretch.state === state)
      .map(({ from, to }) => to - from);
  const cores = scheduling
    .stretches(thread)
    .filter(({ state }) => state === "running")
    .map(({ core }) => core);
  return {
    place,
    runs: lengths(thread, "running"),
    waits: lengths(thread, "waiting"),
    moves: cores.filter((core, index) => index > 0 && core !== cores[index - 1]).length,
    otherRuns: siblings(thread).flatMap((other) => lengths(other, "running")),
  };
}

function ranInstead(
  slowest: readonly Passage[],
  servers: readonly (number | undefined)[],
  scheduling: Scheduling,
  nameOf: NameOf,
): ReadonlyMap<string, number> {
  const instead = new Map<string, number>();
  for (const { moments } of slowest) {
    for (const [leg, thread] of servers.entries()) {
      if (thread === undefined) continue;
      const [from = 0, to = from] = [moments[leg], moments[leg + 1]];
      for (const wait of scheduling.between(thread, from, to)) {
        if (wait.state !== "waiting") continue;
        for (const run of scheduling.ran(wait.core, wait.from, wait.to)) {
          const name = nameOf(run.thread, run.name);
          instead.set(name, (instead.get(name) ?? 0) + run.to - run.from);
        }
      }
    }
  }
  return instead;
}

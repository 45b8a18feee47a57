import { Failure } from "../../../src/output/index.js";
import type { PacedRequest } from "../../proxies/load.js";
import { type Crossing, crossingAt, type Exchange } from "./exchanges.js";
import type { Segment } from "./happenings.js";

/** A request's way: when it came to each place on the way there, and on the way back. In µs, in order. */
export interface Passage {
  /** As the load generator has it. */
  readonly took: number;
  /** From its start to its end at the load generator; the last of one place is the first of the next. */
  readonly moments: readonly number[];
}

/**
 * Follows requests over the ports of those that take them one after the other, the backend's last. Connections there have one request at
 * a time, but between two proxies several may share one.
 * @returns those whose way was found
 */
export function followRequests(
  requests: readonly PacedRequest[],
  ports: readonly number[],
  segments: readonly Segment[],
): readonly Passage[] {
  const [first, ...others] = ports.map((port) => crossingAt(port, segments));
  const last = others.pop();
  if (first === undefined) return [];
  const starts = [...requests].sort((one, other) => one.began - other.began);
  if (starts.length !== first.exchanges.length) {
    throw new Failure(
      `the load generator sent ${starts.length} requests, and the kernel saw ${first.exchanges.length}`,
    );
  }
  const ahead = clockDifference(starts, first.exchanges);
  const ways =
    last === undefined
      ? first.exchanges.map(({ from, to }) => [from, to])
      : within(first, others, last).map((way) => way ?? []);
  return starts.flatMap(({ began, took }, index) => {
    const way = ways[index] ?? [];
    if (way.length === 0) return [];
    return [{ took, moments: inOrder([began + ahead, ...way, began + ahead + took]) }];
  });
}

/** How far the trace's clock is ahead of the load generator's: by the request that arrived soonest after its start. */
function clockDifference(starts: readonly PacedRequest[], exchanges: readonly Exchange[]): number {
  return starts.reduce(
    (least, { began }, index) => Math.min(least, (exchanges[index]?.from ?? Infinity) - began),
    Infinity,
  );
}

/** Clocks differ by some µs, and nobody comes before he went. */
function inOrder(moments: readonly number[]): readonly number[] {
  let latest = -Infinity;
  return moments.map((moment) => (latest = Math.max(latest, moment)));
}

function within(
  first: Crossing,
  between: readonly Crossing[],
  last: Crossing,
): readonly (readonly number[] | null)[] {
  const innermost = assign(first.exchanges, last.exchanges);
  const [middle] = between;
  return first.exchanges.map((outer, index) => {
    const inner = innermost[index];
    if (inner === undefined || inner === null) return null;
    if (middle === undefined) return [outer.from, inner.from, inner.to, outer.to];
    const { from, to } = passing(middle, outer, inner);
    return [outer.from, from, inner.from, inner.to, to, outer.to];
  });
}

/**
 * Which of the inner exchanges belongs to each outer one: it lies within it. The shortest choose first, as they have the least choice, and take
 * the earliest that is left.
 */
function assign(outers: readonly Exchange[], inners: readonly Exchange[]): readonly (Exchange | null)[] {
  const assigned: (Exchange | null)[] = outers.map(() => null);
  const isTaken = inners.map(() => false);
  const byLength = outers.map((outer, index) => ({ ...outer, index }));
  byLength.sort((one, other) => one.to - one.from - (other.to - other.from));
  for (const { from, to, index } of byLength) {
    for (let at = firstFrom(inners, from); at < inners.length; at += 1) {
      const inner = inners[at];
      if (inner === undefined || inner.from > to) break;
      if (isTaken[at] || inner.to > to) continue;
      isTaken[at] = true;
      assigned[index] = inner;
      break;
    }
  }
  return assigned;
}

/**
 * When a request passed what lies between two exchanges that are known: the earliest exchange there that began after the outer and before
 * the inner one, and ended so. Where several requests share a connection, there may be none; then what arrived last before the inner one began had it, and
 * what arrived first after that ended.
 */
function passing({ exchanges, inward, outward }: Crossing, outer: Exchange, inner: Exchange): Exchange {
  for (let at = firstFrom(exchanges, outer.from); at < exchanges.length; at += 1) {
    const exchange = exchanges[at];
    if (exchange === undefined || exchange.from > inner.from) break;
    if (exchange.to >= inner.to && exchange.to <= outer.to) return exchange;
  }
  const from = inward[firstAfter(inward, inner.from) - 1] ?? outer.from;
  const to = outward[firstAfter(outward, inner.to)] ?? outer.to;
  return { from: Math.max(from, outer.from), to: Math.min(to, outer.to) };
}

function firstFrom(exchanges: readonly Exchange[], at: number): number {
  return partition(exchanges.length, (index) => (exchanges[index]?.from ?? Infinity) >= at);
}

function firstAfter(moments: readonly number[], at: number): number {
  return partition(moments.length, (index) => (moments[index] ?? Infinity) > at);
}

/** The first index for which something is true that is true of all that follow. */
function partition(length: number, isTrue: (index: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

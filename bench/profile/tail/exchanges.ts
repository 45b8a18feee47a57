import type { Segment } from "./happenings.js";

/** A request and its answer on one connection: from the arrival of the first byte of the one to that of the last of the other, in µs. */
export interface Exchange {
  readonly from: number;
  readonly to: number;
}

/** What arrived at the two sides of a port. */
export interface Crossing {
  /** In the order in which they began. On a connection that several requests share at a time they are one. */
  readonly exchanges: readonly Exchange[];
  /** When something arrived at the port. */
  readonly inward: readonly number[];
  /** When something arrived that was sent there. */
  readonly outward: readonly number[];
}

/** Tells exchanges apart: one ends where the next request follows an answer on the same connection. */
export function crossingAt(port: number, segments: readonly Segment[]): Crossing {
  const [inward, outward, exchanges]: [number[], number[], Exchange[]] = [[], [], []];
  const open = new Map<number, { from: number; to: number | null }>();
  const close = ({ from, to }: { from: number; to: number | null }) => {
    if (to !== null) exchanges.push({ from, to });
  };
  for (const { at, fromPort, toPort } of segments) {
    if (toPort === port) {
      inward.push(at);
      const current = open.get(fromPort);
      if (current !== undefined && current.to === null) continue;
      if (current !== undefined) close(current);
      open.set(fromPort, { from: at, to: null });
    } else if (fromPort === port) {
      outward.push(at);
      const current = open.get(toPort);
      if (current !== undefined) current.to = at;
    }
  }
  [...open.values()].forEach(close);
  exchanges.sort((one, other) => one.from - other.from);
  return { exchanges, inward, outward };
}

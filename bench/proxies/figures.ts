import { LATENCY_BOUNDS, type LatencyBound } from "./load.js";

/** What is measured of each proxy in each round. All times are in µs, all memory in bytes. */
export interface Figures extends Readonly<Record<WithinFigure, number>> {
  /** Memory after the start and one request. */
  readonly rssIdle: number;
  /** How often a second its threads wake up while nothing is asked of it. */
  readonly wakeUps: number;
  /** Requests a second, as many as it takes. */
  readonly throughput: number;
  /** CPU time a request at that load. */
  readonly cpuSaturated: number;
  /** Of which in user space. */
  readonly userSaturated: number;
  /** Memory during that load, at its highest. */
  readonly rssLoaded: number;
  /** CPU time a request at the fixed rate. */
  readonly cpuPaced: number;
  /** Latency at the fixed rate. */
  readonly p50: number;
  readonly p99: number;
  /** The same less that of the direct call in the same round. */
  readonly addedP50: number;
  readonly addedP99: number;
  /** Memory with many idle keep-alive connections, each of which has had one request. */
  readonly rssHeld: number;
  /** Memory two seconds after those have gone, less what it was at first. */
  readonly rssKept: number;
  /** Responses of 1 MB: megabytes a second, and CPU time a megabyte. */
  readonly bodyThroughput: number;
  readonly bodyCpu: number;
  /** Bytes of a protocol that it does not understand: the same. */
  readonly opaqueThroughput: number;
  readonly opaqueCpu: number;
  /** Two proxies with mTLS between them: the same as of one above. CPU is that of both, memory that of the larger. */
  readonly securedThroughput: number;
  readonly cpuSecured: number;
  readonly userSecured: number;
  readonly rssSecured: number;
  readonly cpuSecuredPaced: number;
  readonly securedP50: number;
  readonly securedP99: number;
  readonly securedAddedP50: number;
  readonly securedAddedP99: number;
  /** Responses of 1 MB: megabytes a second, and CPU time a megabyte. */
  readonly securedBodyThroughput: number;
  readonly securedBodyCpu: number;
  /** HTTP/2 on clear text through one proxy, as many requests as it takes. */
  readonly http2Throughput: number;
  /** How many of them failed, which are not among those. */
  readonly http2Failed: number;
  readonly cpuHttp2: number;
  readonly userHttp2: number;
  /** CPU time of the end that accepts a new mTLS connection with one request, that of the end that makes it, and both together. */
  readonly cpuAcceptedFull: number;
  readonly cpuAcceptedResumed: number;
  readonly cpuMadeFull: number;
  readonly cpuMadeResumed: number;
  readonly cpuBothFull: number;
  readonly cpuBothResumed: number;
  /** Memory of the end that has accepted many mTLS connections, which are idle after one request each. */
  readonly rssSecuredHeld: number;
  /** From the end of a permission's writing to the first request that is refused, on a connection that was open: median and largest. */
  readonly refusedP50: number;
  readonly refusedLargest: number;
  /** The same to the end of an answer that was under way. */
  readonly cutP50: number;
  readonly cutLargest: number;
  /** From the permission's removal to the first request that is answered again. */
  readonly allowedP50: number;
  readonly allowedLargest: number;
}

export type FigureName = keyof Figures;

/** What one round found of one row; what does not apply to it is absent. */
export type RowFigures = Readonly<Partial<Figures>>;

/** The share of requests at the fixed rate, with mTLS, that took no longer than so many µs. */
type WithinFigure = `securedWithin${LatencyBound}`;

export const withinFigure = (bound: LatencyBound): WithinFigure => `securedWithin${bound}`;

/** The shares in the order of the bounds, as figures. */
export const withinFigures = (shares: readonly number[]): RowFigures =>
  Object.fromEntries(LATENCY_BOUNDS.map((bound, index) => [withinFigure(bound), shares[index] ?? 0]));

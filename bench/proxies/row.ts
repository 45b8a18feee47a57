import type { Denial } from "./denial.js";
import type { TlsAcceptor, TlsPlace } from "./tls-load.js";

/** A way to the backend that is compared with others. */
export interface Row {
  /** How tables call it. */
  readonly name: string;
  /** With the version, where it has one. */
  readonly title: string;
  /** Starts it anew; it then answers. Throws a Failure when it does not come up. */
  start(): Promise<RunningRow>;
}

/** A row that is ready to be measured. */
export interface RunningRow {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** Of 127.0.0.1, where the second of two proxies takes what the first one sends. */
  readonly innerPort?: number;
  /** Of 127.0.0.1, where it takes what it does not understand; null when it has no such port. */
  readonly opaquePort: number | null;
  /** The proxies in the way that are measured, each with its descendants; none for the direct call. */
  readonly pids: readonly number[];
  /** Where it takes mTLS from the load. */
  readonly takesTls?: TlsPlace;
  /** What it makes mTLS connections to, in place of the backend. */
  readonly connectsTo?: TlsAcceptor;
  /** A permission that shuts out whoever asks it; then the service behind has an answer that never ends. */
  readonly denial?: Denial;
  stop(): Promise<void>;
}

/** The call past all proxies, to a port of 127.0.0.1. */
export function directRow(port: number, opaquePort: number | null = null): Row {
  const running = { port, opaquePort, pids: [], stop: () => Promise.resolve() };
  return { name: "direct", title: "direct", start: () => Promise.resolve(running) };
}

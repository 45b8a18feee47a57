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
  /** Of 127.0.0.1, where it takes what it does not understand; null when it has no such port. */
  readonly opaquePort: number | null;
  /** The process that is measured, with its descendants; null for the direct call. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

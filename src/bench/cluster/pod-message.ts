import type { BenchProgress } from "../measure.js";
import type { BenchReport, LoadSettings } from "../report.js";

/** What the pod that loads is told, as JSON on its command line. */
export interface PodOrder {
  /** The bench's name, from which the names follow of what it calls. */
  readonly bench: string;
  readonly settings: LoadSettings;
}

/** What it tells, a line of JSON on standard output each; the last is a report or a failure. */
export type PodMessage =
  { readonly progress: BenchProgress } | { readonly report: BenchReport } | { readonly failure: string };

/** Reads a line of the pod's log; undefined when it is none of the pod's messages. */
export function readPodMessage(line: string): PodMessage | undefined {
  try {
    const message = JSON.parse(line) as PodMessage | null;
    const isMessage = typeof message === "object" && message !== null;
    return isMessage && ("progress" in message || "report" in message || "failure" in message)
      ? message
      : undefined;
  } catch {
    return undefined;
  }
}

import { EndedEarly } from "./byte-reader.js";
import type { Exchange } from "./task.js";
import { SinkGone, Wrong } from "./transfer.js";

/** How a request, or a tunnel, failed as its client saw it. */
export type Failing =
  /** The connection was not taken. */
  | "refused"
  /** The connection ended before the head of a response. */
  | "no answer"
  /** The connection broke, or the message ended before its framing says. */
  | "cut"
  /** What has no framing ended early. */
  | "ended early"
  /** A proxy answered, with its reason. */
  | `proxy: ${string}`;

/** What became of one exchange or tunnel. */
export type Outcome =
  /** Every byte was right, both ways. */
  | { readonly kind: "complete" }
  /** The client broke it, as planned. */
  | { readonly kind: "broken off" }
  /** Never sent, or never answered because of what went wrong before on the same connection. */
  | { readonly kind: "skipped" }
  | { readonly kind: "failed"; readonly failing: Failing; readonly detail: string }
  /** What nothing excuses. */
  | { readonly kind: "wrong"; readonly detail: string };

/** An outcome with what it is judged by. */
export interface Ended {
  readonly outcome: Outcome;
  /** In milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly endedAt: number;
  /** The endpoint that answered, as far as it is known. */
  readonly endpoint: string | undefined;
}

/** Thrown where the client has broken the connection, as planned. */
export class BrokenOff extends Error {}

/** Thrown when a proxy has answered instead of the service. */
export class Answered extends Error {
  constructor(readonly reason: string) {
    super(`a proxy answered ${reason}`);
  }
}

/**
 * The reason of a proxy that answered, if it was one: applications answer 502 never. A client's proxy withholds the reason when
 * it does not know that another proxy gave it, for an application could claim one, too.
 */
export function reasonOf(status: number | undefined, reason: string | undefined): string | undefined {
  return reason ?? (status === 502 ? "withheld" : undefined);
}

/** The stages of a task, in which the same error means different things. */
export type Stage =
  | "connecting"
  | "before the head"
  /** Node reads the body, and tells by an error of a framing that is not kept. */
  | "in the body"
  /** The client reads the body itself, and knows its length from the head. */
  | "in a body of known length"
  | "in a tunnel";

/** What an error at some stage means. */
export function outcomeOf(error: unknown, stage: Stage, exchange?: Exchange): Outcome {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof BrokenOff) return { kind: "broken off" };
  if (error instanceof Wrong) return { kind: "wrong", detail };
  const failed = (failing: Failing): Outcome => ({ kind: "failed", failing, detail });
  if (error instanceof Answered) return failed(`proxy: ${error.reason}`);
  if (error instanceof EndedEarly && stage === "in a tunnel") return failed("ended early");
  if (error instanceof EndedEarly && stage === "in a body of known length") return failed("cut");
  if (error instanceof EndedEarly && stage === "in the body") {
    if (exchange?.response.framing === "until-close") return failed("ended early");
    return { kind: "wrong", detail: `a short body without a sign of it: ${detail}` };
  }
  if (!(error instanceof EndedEarly) && !isOfConnection(error)) return { kind: "wrong", detail };
  // A connection that was taken and reset at once looks the same to Node but for its code.
  if (stage === "connecting") return failed(/ECONNREFUSED/.test(detail) ? "refused" : "cut");
  // Node gives a connection up when it cannot write, also when an answer is there to be read.
  const whileSending = error instanceof Error && "syscall" in error && error.syscall === "write";
  return failed(stage === "before the head" && !whileSending ? "no answer" : "cut");
}

/** Whether the error is that of a connection; a message that Node cannot read, or a mistake of ours, is none. */
function isOfConnection(error: unknown): boolean {
  if (error instanceof SinkGone) return true;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E(?!RR_)/.test(code);
}

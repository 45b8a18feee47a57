import type { AppProtocol } from "./app-process.js";
import { type Fault, type FaultLog, REACTION_MS } from "./fault.js";
import type { Ended, Failing } from "./outcome.js";
import type { Abort } from "./task.js";

/** What failed, as far as it matters for what excuses it. */
export interface Subject {
  readonly id: number;
  readonly what: string;
  readonly service: AppProtocol;
  readonly abort: Abort | null;
  /** A request that may be sent to another endpoint until it is answered: idempotent, and without a body. */
  readonly repeatable: boolean;
  readonly isTunnel: boolean;
  /** Nothing but the end of the connection ends what the server sends. */
  readonly endsWithConnection: boolean;
}

/** What is thought of an outcome. */
export type Verdict =
  | { readonly kind: "fine" }
  | { readonly kind: "excused"; readonly by: string; readonly failing: Failing }
  | { readonly kind: "violation"; readonly what: string };

/** Judges what became of a request or a tunnel. */
export function judge(subject: Subject, ended: Ended, faults: FaultLog): Verdict {
  const { outcome } = ended;
  const violation = (what: string): Verdict => ({
    kind: "violation",
    what: `${subject.what} ${subject.id} to ${ended.endpoint ?? subject.service}: ${what}`,
  });
  switch (outcome.kind) {
    case "complete":
    case "broken off":
    case "skipped":
      return { kind: "fine" };
    case "wrong":
      return violation(outcome.detail);
    case "failed": {
      const { failing } = outcome;
      const by = excuseFor(failing, subject, ended, faults);
      if (by !== undefined) return { kind: "excused", by, failing };
      const meanwhile = faults
        .during(subject.service, ended.startedAt, ended.endedAt)
        .map(({ kind, endpoint }) => `${kind} (${endpoint})`);
      return violation([`${failing} (${outcome.detail})`, ...meanwhile].join("; meanwhile: "));
    }
  }
}

function excuseFor(failing: Failing, subject: Subject, ended: Ended, faults: FaultLog): string | undefined {
  const { service, abort } = subject;
  const lacksNews = faults.mayLackNews(service, ended.startedAt, ended.endedAt);
  if (failing === WITHHELD && !lacksNews) return undefined;
  if (abort?.by === "server" && isOfAbort(failing, subject)) return "server abort";
  return faults
    .during(service, ended.startedAt, ended.endedAt)
    .find(
      (fault) =>
        isOfFault(failing, subject, ended, fault) || (lacksNews && isOfOnlyEndpoint(failing, subject, fault)),
    )?.kind;
}

/** When one endpoint is back in the directory, but not known yet to be, there may be no other than the one that is touched. */
function isOfOnlyEndpoint(failing: Failing, { isTunnel }: Subject, { kind }: Fault): boolean {
  return isTunnel && NOBODY.includes(failing) && (kind === "proxy killed" || kind === "proxy drained");
}

/** Whether a client sees this when its server breaks the connection. */
function isOfAbort(failing: Failing, subject: Subject): boolean {
  if (BROKEN_ANSWERS.includes(failing)) return true;
  // A reset stays one through all proxies, but Node takes it for an end in order when it comes together with bytes.
  return failing === "ended early" && subject.endsWithConnection;
}

/** Whoever does not know that the endpoint has a proxy neither believes its reasons nor sends requests elsewhere by them. */
const WITHHELD: Failing = "proxy: withheld";

/** What a client is told, or sees, of a response that breaks. */
const BROKEN_ANSWERS: readonly Failing[] = [
  "proxy: upstream-reset",
  "proxy: bad-response",
  "proxy: withheld",
  "cut",
];
/** What a client is told when there is nobody behind the endpoint's proxy. */
const NOBODY: readonly Failing[] = ["proxy: connect-refused", "proxy: connect-failed"];

function isOfFault(failing: Failing, subject: Subject, ended: Ended, fault: Fault): boolean {
  const { isTunnel, repeatable } = subject;
  const isBroken = ended.startedAt <= fault.brokenBy + REACTION_MS;
  const isOfAnother = ended.endpoint !== undefined && ended.endpoint !== fault.endpoint;
  if (isOfAnother) return false;
  switch (fault.kind) {
    case "application killed":
      if (isBroken && isOfBreak(failing)) return true;
      // Until it is back, its proxy answers for it. Requests that can be repeated go to another endpoint.
      if (isTunnel)
        return (
          failing === "cut" || failing === "ended early" || failing === WITHHELD || NOBODY.includes(failing)
        );
      return failing === WITHHELD || (!repeatable && NOBODY.includes(failing));
    case "proxy killed":
      return (
        (isBroken && (isOfBreak(failing) || isUnwritten(failing, subject))) ||
        (isTunnel && failing === "refused")
      );
    case "proxy drained":
      if (isTunnel && (failing === "refused" || (isBroken && failing === "ended early"))) return true;
      // It closes idle connections, on one of which the request may be on its way.
      return (
        isBroken && !repeatable && (failing === "proxy: upstream-reset" || failing === "proxy: draining")
      );
    case "connection closed without a word":
      return isBroken && !repeatable && failing === "proxy: upstream-reset";
    case "endpoint removed":
    case "control plane killed":
      return false;
  }
}

/**
 * Between proxies that share connections a request may wait to be written when its connection breaks. The client hears that nobody has
 * seen it, as it cannot go elsewhere when a part of its body was taken already.
 */
function isUnwritten(failing: Failing, { repeatable }: Subject): boolean {
  return failing === "proxy: connect-failed" && !repeatable;
}

/** The end of a process finishes its connections, so that a body without framing seems to have ended. */
function isOfBreak(failing: Failing): boolean {
  return BROKEN_ANSWERS.includes(failing) || failing === "ended early";
}

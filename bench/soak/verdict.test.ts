import { describe, expect, it } from "vitest";
import { FaultLog, REACTION_MS } from "./fault.js";
import type { Failing, Outcome } from "./outcome.js";
import { judge, type Subject } from "./verdict.js";

const GET: Subject = {
  ...{ id: 1, what: "GET", service: "web", abort: null },
  ...{ repeatable: true, isTunnel: false, endsWithConnection: false },
};
const POST: Subject = { ...GET, what: "POST", repeatable: false };
const TUNNEL: Subject = { ...POST, what: "tunnel", isTunnel: true, endsWithConnection: true };

const failed = (failing: Failing): Outcome => ({ kind: "failed", failing, detail: "" });

/** What is thought of an outcome that came `sinceMs` after a fault began and broke what it breaks. */
function verdictOn(
  subject: Subject,
  outcome: Outcome,
  fault?: Parameters<FaultLog["begin"]>[0],
  { sinceMs = 0, endpoint = undefined as string | undefined, isOver = false } = {},
) {
  const log = new FaultLog();
  const at = performance.now();
  if (fault !== undefined) {
    const begun = log.begin(fault, "web", "web-2");
    begun.brokenBy = at;
    if (isOver) begun.until = at;
  }
  return judge(subject, { outcome, startedAt: at + sinceMs, endedAt: at + sinceMs + 10, endpoint }, log).kind;
}

describe("a verdict", () => {
  it("excuses no failure without a fault", () => {
    for (const subject of [GET, POST, TUNNEL]) {
      expect(verdictOn(subject, failed("cut"))).toBe("violation");
      expect(verdictOn(subject, failed("proxy: upstream-reset"))).toBe("violation");
    }
    expect(verdictOn(GET, { kind: "complete" })).toBe("fine");
  });

  it("excuses wrong bytes by no fault", () => {
    const wrong: Outcome = { kind: "wrong", detail: "bytes" };
    expect(verdictOn(GET, wrong, "application killed")).toBe("violation");
    expect(
      verdictOn({ ...GET, abort: { by: "server", during: "head", afterBytes: 0, reset: true } }, wrong),
    ).toBe("violation");
  });

  it("excuses what was on its way to a process that was killed, not what came later or was elsewhere", () => {
    expect(verdictOn(GET, failed("cut"), "application killed")).toBe("excused");
    expect(verdictOn(GET, failed("cut"), "application killed", { endpoint: "web-2" })).toBe("excused");
    expect(verdictOn(GET, failed("cut"), "application killed", { endpoint: "web-1" })).toBe("violation");
    expect(verdictOn(GET, failed("cut"), "proxy killed", { sinceMs: REACTION_MS + 100 })).toBe("violation");
  });

  it("excuses that a body was not written to a proxy that was killed, and only just then", () => {
    const unwritten = failed("proxy: connect-failed");
    expect(verdictOn(POST, unwritten, "proxy killed")).toBe("excused");
    expect(verdictOn(POST, unwritten, "proxy killed", { sinceMs: REACTION_MS + 100 })).toBe("violation");
    expect(verdictOn(GET, unwritten, "proxy killed")).toBe("violation");
    expect(verdictOn(POST, unwritten, "proxy drained")).toBe("violation");
  });

  it("excuses that nobody is there for what cannot be repeated alone, and only until somebody is", () => {
    const refused = failed("proxy: connect-refused");
    expect(verdictOn(POST, refused, "application killed", { sinceMs: 5_000 })).toBe("excused");
    expect(verdictOn(GET, refused, "application killed", { sinceMs: 5_000 })).toBe("violation");
    expect(verdictOn(POST, refused, "application killed", { sinceMs: 5_000, isOver: true })).toBe(
      "violation",
    );
  });

  it("excuses nothing by an endpoint that left, or by a control plane that is away", () => {
    for (const failing of ["cut", "proxy: upstream-reset", "proxy: no-endpoints"] as const) {
      expect(verdictOn(POST, failed(failing), "endpoint removed")).toBe("violation");
      expect(verdictOn(POST, failed(failing), "control plane killed")).toBe("violation");
    }
  });

  it("excuses an end in order where the server broke what only the connection's end ends", () => {
    const abort = { by: "server", during: "request", afterBytes: 5, reset: true } as const;
    expect(verdictOn({ ...TUNNEL, abort }, failed("cut"))).toBe("excused");
    expect(verdictOn({ ...TUNNEL, abort }, failed("ended early"))).toBe("excused");
    expect(verdictOn({ ...GET, abort }, failed("ended early"))).toBe("violation");
  });

  it("excuses that a proxy's reason is withheld only while that proxy may be unknown", () => {
    const abort = { by: "server", during: "head", afterBytes: 0, reset: true } as const;
    const withheld = failed("proxy: withheld");
    expect(verdictOn({ ...GET, abort }, withheld)).toBe("violation");
    expect(verdictOn({ ...GET, abort }, withheld, "application killed")).toBe("violation");
    expect(verdictOn({ ...GET, abort }, withheld, "proxy killed")).toBe("excused");
    expect(verdictOn(GET, withheld, "endpoint removed")).toBe("violation");
  });

  it("excuses that a tunnel finds nobody while the only endpoint that is known is away", () => {
    const refused = failed("proxy: connect-refused");
    expect(verdictOn(TUNNEL, refused, "proxy killed", { sinceMs: 5_000 })).toBe("excused");
    expect(verdictOn(TUNNEL, refused, "proxy killed", { sinceMs: 20_000, isOver: true })).toBe("violation");
    expect(verdictOn(POST, refused, "proxy killed", { sinceMs: 5_000 })).toBe("violation");
    expect(verdictOn(TUNNEL, refused, "control plane killed")).toBe("violation");
  });
});

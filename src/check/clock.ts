import type { ControlPlaneClient } from "../client/index.js";
import { formatDuration } from "../output/index.js";
import { failedForGood, type Finding, passed, warned } from "./check.js";

/** What a second clock on a network may differ by. */
const UNREMARKABLE_MS = 5_000;
/** From here on certificates and tokens that one side makes may not be valid on the other. */
const HARMFUL_MS = 5 * 60_000;

/** Compares the clock of a control plane with this machine's. */
export async function controlPlaneClockFinding(client: ControlPlaneClient): Promise<Finding> {
  const before = Date.now();
  const { now } = await client.health();
  const after = Date.now();
  if (now !== null) {
    const aheadMs = now.seconds * 1000 + now.nanos / 1e6 - (before + after) / 2;
    return clockFinding(aheadMs, "the control plane's");
  }
  return warned(
    "the control plane did not tell the time: it is older",
    "mesh of the same version on both sides",
  );
}

/**
 * What a difference between two clocks means.
 * @param aheadMs by how much the other clock is ahead of this machine's; negative when behind
 * @param whose clock the other is, in a sentence: "the API server's"
 */
export function clockFinding(aheadMs: number, whose: string): Finding {
  const off = Math.abs(aheadMs);
  if (off <= UNREMARKABLE_MS) return passed();
  const detail = `${whose} clock is ${formatDuration(off / 1000)} ${aheadMs > 0 ? "ahead of" : "behind"} this machine's`;
  const hint = "synchronize the clocks of both (chrony, systemd-timesyncd)";
  return off > HARMFUL_MS ? failedForGood(detail, hint) : warned(detail, hint);
}

import type { IdentityResponse__Output } from "../../generated/mesh/api/v1/IdentityResponse.js";
import type { ControlPlaneClient } from "../client/index.js";
import { formatDuration, someOf } from "../output/index.js";
import { type Finding, passed, warned } from "./check.js";

/** Certificates are for a day, and renewed when at most 78% of it are over: with less left something has failed for an hour or more. */
const OVERDUE_BELOW_SECONDS = 4 * 60 * 60;

export const RENEWAL = {
  id: "proxy-certificates",
  title: "the certificates of the connected proxies are renewed in time",
} as const;

/** Asks a control plane about the proxies that are connected to it. @param log what shows a proxy's log, as a hint */
export const renewalFinding = async (client: ControlPlaneClient, log: string): Promise<Finding> =>
  overdueFinding(await client.identity(), { now: new Date(), log });

/** Which connected proxies have a certificate that should have been renewed, or that has ended. */
export function overdueFinding(
  { proxies }: IdentityResponse__Output,
  { now, log }: { readonly now: Date; readonly log: string },
): Finding {
  const ending = proxies.flatMap(({ connected, namespace, name, trust }) => {
    const end = trust?.notAfter?.seconds;
    if (!connected || end === undefined) return [];
    const left = end - now.getTime() / 1000;
    if (left >= OVERDUE_BELOW_SECONDS) return [];
    const when = left > 0 ? `ends in ${formatDuration(left)}` : `ended ${formatDuration(-left)} ago`;
    return [`${namespace}/${name} (${when})`];
  });
  if (ending.length === 0) return passed();
  return warned(`not renewed, though it is time: ${someOf(ending)}`, log);
}

import type { IdentityResponse__Output } from "../../../generated/mesh/api/v1/IdentityResponse.js";
import { someOf } from "../../output/index.js";
import { type Check, failed, type Finding, passed, WARN_BELOW_DAYS, warned } from "../check.js";
import type { HostContext } from "./context.js";

const DAY_SECONDS = 86_400;

export const authority: Check<HostContext> = {
  id: "certificate-authority",
  title: "the certificate authority can be used, for 60 days or more",
  run: async ({ client }) => authorityFinding(await client.identity(), new Date()),
};

export const tokens: Check<HostContext> = {
  id: "proxy-tokens",
  title: "the tokens of the proxies do not end soon",
  run: async ({ client }) => tokensFinding(await client.identity(), new Date()),
};

/** Whether what is kept of the authority can be used still, and how long the root that signs and the issuer are valid. */
export function authorityFinding({ authority, trouble }: IdentityResponse__Output, now: Date): Finding {
  if (!authority) return passed("there is none: proxies speak plain text");
  if (trouble !== "") {
    return failed(
      `${trouble}; a control plane that is started now would not start`,
      "the files as they were, in DIR/ca of the control plane's --directory",
    );
  }
  const left = ({ notAfter }: { notAfter: { seconds: number } | null }) =>
    Math.floor(((notAfter?.seconds ?? 0) - now.getTime() / 1000) / DAY_SECONDS);
  const roots = Math.min(...authority.roots.map(left));
  if (roots < WARN_BELOW_DAYS) {
    return warned(`a root is valid for ${roots} more days`, "mesh ca rotate --directory DIR");
  }
  const issuer = authority.issuer ? left(authority.issuer) : roots;
  if (issuer < WARN_BELOW_DAYS) {
    return warned(
      `the issuer is valid for ${issuer} more days, and was not renewed`,
      "ca.key put back into DIR/ca: the control plane then renews it by itself",
    );
  }
  return passed(`for ${Math.min(roots, issuer)} days`);
}

/** Which tokens end within 60 days, or, of those for a shorter time than 180, within the last third of it. */
export function tokensFinding({ proxies }: IdentityResponse__Output, now: Date): Finding {
  const ending = proxies.filter(({ connected, tokenFrom, tokenUntil }) => {
    if (!connected || !tokenFrom || !tokenUntil) return false;
    const term = tokenUntil.seconds - tokenFrom.seconds;
    const left = tokenUntil.seconds - now.getTime() / 1000;
    return left < Math.min(WARN_BELOW_DAYS * DAY_SECONDS, term / 3);
  });
  if (ending.length === 0) return passed();
  const names = ending.map(
    ({ namespace, name, tokenUntil }) =>
      `${namespace}/${name} (${new Date((tokenUntil?.seconds ?? 0) * 1000).toISOString()})`,
  );
  return warned(
    `as shown last, they end for ${someOf(names)}`,
    "mesh token create, into the files of --token-file; a proxy shows it when it connects again",
  );
}

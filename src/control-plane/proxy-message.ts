import type { Proxy__Output } from "../../generated/mesh/proxy/v1/Proxy.js";
import { canonicalIp, formatAddress, parseAddress, type ConnectedProxy } from "../catalog/index.js";
import { fail, ok, type Result } from "../result/index.js";

/**
 * Reads who a proxy says it is. `peer` (ip:port) is where its connection comes from: it stands in for an address that only
 * says "all of mine" (0.0.0.0, ::).
 */
export function readProxy(message: Proxy__Output, peer: string): Result<ConnectedProxy> {
  if (message.name === "" || message.namespace === "")
    return fail("a proxy must have a name and a namespace");
  const peerIp = canonicalIp(peer.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""));
  const reachable = (address: string): string => {
    const parsed = parseAddress(address);
    if (!parsed) return address;
    const ip = parsed.ip === "0.0.0.0" || parsed.ip === "::" ? (peerIp ?? parsed.ip) : parsed.ip;
    return formatAddress({ ip, port: parsed.port });
  };
  return ok({
    name: message.name,
    namespace: message.namespace,
    workload: {
      kind: message.workload?.kind || "workload",
      name: message.workload?.name || message.name,
    },
    version: message.version,
    adminAddress: reachable(message.adminAddress),
    tapAddress: reachable(message.tapAddress),
    outboundAddress: message.outboundAddress,
    ...(message.identity !== "" && {
      identity: message.identity,
      ...(message.tapTls && { tapIdentity: message.identity }),
    }),
    inbound: withoutRepetition(
      message.inbound.map(({ address, application }) => ({ address: reachable(address), application })),
    ),
  });
}

/** Listeners for several families are reached at one address where the instance has only that. */
function withoutRepetition(inbound: ConnectedProxy["inbound"]): ConnectedProxy["inbound"] {
  return inbound.filter(
    ({ address }, index) => inbound.findIndex((other) => other.address === address) === index,
  );
}

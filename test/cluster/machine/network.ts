import { execFileSync } from "node:child_process";
import { isIPv6 } from "node:net";
import { FAMILIES } from "./addresses.js";

export const BRIDGE = "pods0";

/** Left to itself a bridge takes the least of its ports' addresses, another with each pod, and pods go on sending to the one they know. */
const BRIDGE_ADDRESS = "02:00:00:00:00:01";

/** Makes the network that the node and its pods have: a bridge. Nothing leads out of it. */
export function makeNetwork(): void {
  ip("link", "set", "lo", "up");
  ip("link", "add", BRIDGE, "address", BRIDGE_ADDRESS, "type", "bridge");
  ip("link", "set", BRIDGE, "up");
  for (const { node, pods, services } of FAMILIES) {
    const prefix = pods.split("/")[1] ?? "";
    // Nobody else can have the address, so it need not be looked for.
    const atOnce = isIPv6(node) ? ["nodad"] : [];
    ip("addr", "add", `${node}/${prefix}`, "dev", BRIDGE, ...atOnce);
    // An address needs a route before the rules of services can translate it.
    ip("route", "add", services, "dev", BRIDGE, "src", node);
    sysctl(isIPv6(node) ? "net.ipv6.conf.all.forwarding=1" : "net.ipv4.ip_forward=1");
    sysctl(`net.bridge.bridge-nf-call-ip${isIPv6(node) ? "6" : ""}tables=1`);
  }
}

const ip = (...words: string[]) => execFileSync("ip", words);

const sysctl = (setting: string) => execFileSync("sysctl", ["-qw", setting]);

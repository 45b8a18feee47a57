import { execFileSync } from "node:child_process";
import { NODE_IP, POD_RANGE, SERVICE_RANGE } from "./addresses.js";

export const BRIDGE = "pods0";

/** Makes the network that the node and its pods have: a bridge. Nothing leads out of it. */
export function makeNetwork(): void {
  const prefix = POD_RANGE.split("/")[1] ?? "";
  ip("link", "set", "lo", "up");
  ip("link", "add", BRIDGE, "type", "bridge");
  ip("addr", "add", `${NODE_IP}/${prefix}`, "dev", BRIDGE);
  ip("link", "set", BRIDGE, "up");
  // An address needs a route before the rules of services can translate it.
  ip("route", "add", SERVICE_RANGE, "dev", BRIDGE, "src", NODE_IP);
  execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]);
}

const ip = (...words: string[]) => execFileSync("ip", words);

import { canonicalIp, formatAddress, type Inbound, type SidecarAddresses } from "../../catalog/index.js";
import { ADMIN_PORT_NAME, PROXY_CONTAINER, TAP_PORT_NAME } from "../../inject/index.js";
import type { Container, Pod } from "./kinds.js";

/**
 * Where the sidecar of a pod listens; undefined when it has none. It is looked at where the pod's ports say, and takes what is sent
 * to the pod once it has started, as its environment says: so endpoints are known to be meshed before their proxies have
 * connected, and whichever replica these are connected to.
 */
export function sidecarOf(
  pod: Pod,
  ips: readonly string[],
  ports: Readonly<Record<string, number>>,
): SidecarAddresses | undefined {
  const container = containerOf(pod);
  if (container === undefined) return undefined;
  const [ip] = ips;
  const at = (name: string) => {
    const port = ports[name];
    return ip === undefined || port === undefined ? "" : formatAddress({ ip, port });
  };
  // Nothing tells which ports of a node's addresses are the pod's.
  const takesTraffic = isStarted(pod) && pod.spec?.hostNetwork !== true;
  return {
    adminAddress: at(ADMIN_PORT_NAME),
    tapAddress: at(TAP_PORT_NAME),
    inbound: takesTraffic ? inboundListeners(container, ips) : [],
  };
}

function containerOf({ spec }: Pod): Container | undefined {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.find(({ name }) => name === PROXY_CONTAINER);
}

function isStarted({ status }: Pod): boolean {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.some(({ name, started }) => name === PROXY_CONTAINER && started === true);
}

function inboundListeners({ env }: Container, ips: readonly string[]): Inbound[] {
  const listeners = env?.find(({ name }) => name === "MESH_PROXY_INBOUND")?.value ?? "";
  return listeners.split(",").flatMap((listener) => inboundOf(listener, ips));
}

/** `LISTEN=APPLICATION`, as docs/proxy.md has it. */
function inboundOf(listener: string, ips: readonly string[]): Inbound[] {
  const [listen = "", application = ""] = listener.split("=");
  if (application !== "original") {
    return reachedAt(listen, ips).map((address) => ({ address, application }));
  }
  const listens = /^\d+$/.test(listen) ? [`0.0.0.0:${listen}`, `[::]:${listen}`] : [listen];
  const addresses = new Set(listens.flatMap((one) => reachedAt(one, ips)));
  return [...addresses].map((address) => ({ address, application: "" }));
}

/** Where others reach a listener of the pod, which is nowhere when it listens on loopback. */
function reachedAt(listen: string, ips: readonly string[]): string[] {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(listen) ?? [];
  const ip = canonicalIp(host.replace(/^\[|\]$/g, ""));
  const isAll = ip === "0.0.0.0" || ip === "::";
  const own = isAll ? (ips.find((one) => one.includes(":") === ip.includes(":")) ?? ips[0]) : ip;
  return own !== undefined && ips.includes(own) ? [formatAddress({ ip: own, port: Number(port) })] : [];
}

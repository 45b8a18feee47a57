import { isIPv4 } from "node:net";
import {
  canonicalIp,
  formatAddress,
  type Inbound,
  type PortRange,
  type SidecarAddresses,
} from "../../catalog/index.js";
import type { Account } from "../../identity/index.js";
import {
  ADMIN_PORT_NAME,
  INIT_CONTAINER,
  isSidecar,
  OPTION_PREFIX,
  OPTIONS,
  PROXY_CONTAINER,
  TAP_PORT_NAME,
} from "../../inject/index.js";
import type { Container, ContainerStatus, Pod } from "./kinds.js";

/**
 * Where the sidecar of a pod listens; undefined when it has none. It is looked at where the pod's ports say, and takes what is sent
 * to the pod once it has started, as its environment says: so endpoints are known to be meshed before their proxies have
 * connected, and whichever replica these are connected to.
 * @param identityOf the SPIFFE ID of an account; undefined where nobody is certified
 */
export function sidecarOf(
  pod: Pod,
  ips: readonly string[],
  ports: Readonly<Record<string, number>>,
  identityOf?: (account: Account) => string,
): SidecarAddresses | undefined {
  const container = containerOf(pod, PROXY_CONTAINER);
  if (container === undefined || !isSidecar(container)) return undefined;
  const [ip] = ips;
  const at = (name: string) => {
    const port = ports[name];
    return ip === undefined || port === undefined ? "" : formatAddress({ ip, port });
  };
  // Nothing tells which ports of a node's addresses are the pod's.
  const takesTraffic = statusOf(pod, PROXY_CONTAINER)?.started === true && pod.spec?.hostNetwork !== true;
  const isCertified = takesTraffic && isGivenRoots(container) && hasBeenReady(pod);
  return {
    adminAddress: at(ADMIN_PORT_NAME),
    tapAddress: at(TAP_PORT_NAME),
    inbound: takesTraffic ? inboundListeners(container, ips) : [],
    ...(isTappedByTls(container) && identityOf && { tapIdentity: identityOf(accountOf(pod)) }),
    ...(isCertified && identityOf && { identity: identityOf(accountOf(pod)), ...skippedSubnets(pod) }),
    bypassed: [...ownPorts(container), ...skippedPorts(pod)],
  };
}

function containerOf({ spec }: Pod, wanted: string): Container | undefined {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return containers.find(({ name }) => name === wanted);
}

function statusOf({ status }: Pod, wanted: string): ContainerStatus | undefined {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return statuses.find(({ name }) => name === wanted);
}

const variable = ({ env }: Container, wanted: string): string =>
  env?.find(({ name }) => name === wanted)?.value ?? "";

/** A sidecar of a mesh that did not certify its proxies yet speaks plain text. */
const isGivenRoots = (container: Container): boolean => variable(container, "MESH_PROXY_TRUST_ROOTS") !== "";

/** One of before that speaks plain text with whoever taps it. */
const isTappedByTls = (container: Container): boolean => variable(container, "MESH_PROXY_TAP_TLS") === "true";

/**
 * A sidecar is ready once it has a certificate. One that was keeps it when it is so busy that a probe fails, and while it drains: that it was
 * is told by what waited for it.
 */
function hasBeenReady(pod: Pod): boolean {
  if (statusOf(pod, PROXY_CONTAINER)?.ready === true || pod.metadata.deletionTimestamp !== undefined)
    return true;
  const hasWaited = statusOf(pod, INIT_CONTAINER)?.state?.terminated?.exitCode === 0;
  return hasWaited && containerOf(pod, INIT_CONTAINER)?.args?.includes("--wait-for=ready") === true;
}

const accountOf = ({ metadata: { namespace = "" }, spec }: Pod): Account => ({
  namespace,
  name: spec?.serviceAccountName ?? "default",
});

const ownPorts = ({ ports = [] }: Container): PortRange[] =>
  ports.map(({ containerPort }) => [containerPort, containerPort]);

/** The ports of the pod that are not redirected to its sidecar. */
const skippedPorts = (pod: Pod): PortRange[] =>
  redirectionOption(OPTIONS.skipInboundPorts.name, pod).flatMap((range): PortRange[] => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    return first === undefined ? [] : [[Number(first), Number(last)]];
  });

/** The networks from which the pod is reached without its sidecar. */
function skippedSubnets(pod: Pod): Pick<SidecarAddresses, "bypassedFrom"> {
  const bypassedFrom = redirectionOption(OPTIONS.skipSubnets.name, pod);
  return bypassedFrom.length === 0 ? {} : { bypassedFrom };
}

/** The items of a list that says what is not redirected: as mesh-init has it or, without one, as the pod is annotated. */
function redirectionOption(name: string, pod: Pod): string[] {
  const init = containerOf(pod, INIT_CONTAINER);
  const flag = `--${name}=`;
  const list = init
    ? init.args?.find((arg) => arg.startsWith(flag))?.slice(flag.length)
    : pod.metadata.annotations?.[`${OPTION_PREFIX}${name}`];
  return (list ?? "").split(",").flatMap((item) => item.trim() || []);
}

function inboundListeners(container: Container, ips: readonly string[]): Inbound[] {
  const listeners = variable(container, "MESH_PROXY_INBOUND");
  return listeners.split(",").flatMap((listener) => inboundOf(listener, ips));
}

/** `LISTEN=APPLICATION`, as docs/proxy.md has it. */
function inboundOf(listener: string, ips: readonly string[]): Inbound[] {
  const [listen = "", application = ""] = listener.split("=");
  if (application !== "original") {
    return reachedAt(listen, ips).map((address) => ({ address, application }));
  }
  const place = /^\d+$/.test(listen) ? `[::]:${listen}` : listen;
  return reachedAt(place, ips).map((address) => ({ address, application: "" }));
}

/** Where others reach a listener of the pod: one on `[::]` takes both families, one on loopback is reached nowhere. */
function reachedAt(listen: string, ips: readonly string[]): string[] {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(listen) ?? [];
  const ip = canonicalIp(host.replace(/^\[|\]$/g, ""));
  const isReached = (own: string) => ip === "::" || ip === own || (ip === "0.0.0.0" && isIPv4(own));
  return ips.filter(isReached).map((own) => formatAddress({ ip: own, port: Number(port) }));
}

import { canonicalIp } from "../../catalog/index.js";
import { isTcp, type EndpointSlice, type SliceEndpoint } from "./kinds.js";

/** Names the service of a slice (KEP-752). */
const SERVICE_NAME = "kubernetes.io/service-name";

/** What is kept of an EndpointSlice. */
export interface Slice {
  /** The key (`namespace/name`) of the service that it is a part of; undefined when it belongs to none. */
  readonly service: string | undefined;
  /** Where the endpoints serve the service's port of the same name. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly SliceEndpointFacts[];
}

/** What is kept of an endpoint of a slice. */
export interface SliceEndpointFacts {
  readonly ips: readonly string[];
  /** The pod there, of the service's namespace; undefined when it is none. */
  readonly pod: string | undefined;
  readonly state: EndpointState;
  /** What the DNS calls it below the service's name. */
  readonly hostname: string | undefined;
  readonly node: string | undefined;
  /** The zones and the nodes that are to prefer it; undefined when nothing is said. */
  readonly zones: readonly string[] | undefined;
  readonly nodes: readonly string[] | undefined;
}

/** One that drains has been told to end, and still serves. */
export type EndpointState = "ready" | "draining" | "away";

export function readSlice({ metadata, addressType, endpoints, ports }: EndpointSlice): Slice {
  const service = metadata.labels?.[SERVICE_NAME];
  return {
    service: service === undefined ? undefined : `${metadata.namespace ?? ""}/${service}`,
    ports: (ports ?? []).filter(isTcp).flatMap(({ name, port }) => {
      return port === undefined ? [] : [{ name: name ?? "", port }];
    }),
    // Host names are the DNS's; nothing can be connected to by them here.
    endpoints: addressType === "FQDN" ? [] : (endpoints ?? []).map(readEndpoint),
  };
}

function readEndpoint(endpoint: SliceEndpoint): SliceEndpointFacts {
  const { addresses, conditions, targetRef, hostname, nodeName, hints } = endpoint;
  return {
    ips: addresses.flatMap((address) => canonicalIp(address) ?? []),
    pod: targetRef?.kind === "Pod" ? targetRef.name : undefined,
    state: stateOf(conditions),
    hostname,
    node: nodeName,
    zones: hints?.forZones?.map(({ name }) => name),
    nodes: hints?.forNodes?.map(({ name }) => name),
  };
}

/** By KEP-1669; a condition that is absent or null counts as the API says. */
function stateOf(conditions: SliceEndpoint["conditions"]): EndpointState {
  if (conditions?.ready ?? true) return "ready";
  return conditions?.terminating === true && conditions.serving === true ? "draining" : "away";
}

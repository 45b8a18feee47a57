import type { PolicyTarget, TrafficPermissionSpec } from "../mesh-kinds/index.js";

/** An IPv4 or IPv6 address in text form (without brackets), and a port from 1 to 65535. */
export interface SocketAddress {
  ip: string;
  port: number;
}

/** The thing that owns instances: kind "deployment", "statefulset", …, or "workload" outside Kubernetes. */
export interface Workload {
  kind: string;
  name: string;
}

/** Where a service is served. Never changed in place: another state is another object. */
export interface Endpoint {
  address: SocketAddress;
  namespace: string;
  /** Undefined when nobody said whose endpoint it is. */
  workload: Workload | undefined;
  /** The instance's name; empty when unknown. */
  pod: string;
  /** True while a proxy of the mesh listens at the address. */
  meshed: boolean;
  /** The SPIFFE ID that the proxy there proves by its certificate; absent when it takes plain text alone. */
  identity?: string;
  /** With an identity: networks (`10.0.0.0/8`, or an address) from which the address is reached without that proxy. */
  bypassedFrom?: readonly string[];
}

/** A named thing to reach. Namespace and name compare in lower case. */
export interface Service {
  namespace: string;
  name: string;
  /** The virtual IP addresses at which its ports are reached, in text form; absent when it is reached by name alone. */
  addresses?: string[];
  /** The service is another name for this host, whatever the port; its ports and endpoints say nothing then. */
  alias?: string;
  /** What it is reached by; none means any port, and that `endpoints` must be addresses. */
  ports: ServicePort[];
  /** Fixed addresses (they serve every port), the labels of the instances that serve it, or places port by port. */
  endpoints: { addresses: SocketAddress[] } | { selector: Labels } | Places;
  /** The labels of the instances that its places are of, ready or not; absent when nothing selects them. */
  selects?: Labels;
}

/** Where the ports of a service are served, and which of the places are meant for whom. */
export interface Places {
  places: Place[];
  /** A proxy is given the places on its own node alone, even when there are none. */
  onOwnNode?: boolean;
  /** The family of IP addresses to prefer where an instance has both. */
  family?: IpFamily;
}

export type IpFamily = 4 | 6;

/** Where one port of a service is served. What is absent is not known, or does not matter. */
export interface Place {
  address: SocketAddress;
  /** The service's port. */
  port: number;
  /** The name of the instance there, of the service's namespace; undefined when there is none. */
  instance: string | undefined;
  /** Has been told to end, and still serves: for when nothing else is left. */
  draining?: boolean;
  /** By `hostname.service` this place alone is meant. Without it, by its IP address with dashes. */
  hostname?: string;
  /** The node that it is on. */
  node?: string;
  /** The zones, and the nodes, whose proxies are to prefer it. */
  zones?: readonly string[];
  nodes?: readonly string[];
  /** Is outside of all zones and nodes, and meant for all alike: what others are told to prefer is not told of it. */
  outside?: true;
}

export interface ServicePort {
  port: number;
  /** A port of the instance, by number or by the name that the instance gives it. */
  target: number | string;
  /** A port at which it is reached on every node's addresses. */
  nodePort?: number;
}

/** A machine that instances are on. */
export interface Node {
  name: string;
  /** Undefined when the machine is in none. */
  zone: string | undefined;
  /** IP addresses in text form. */
  addresses: string[];
}

/** A namespace of a registry that tells of them. */
export interface Namespace {
  name: string;
  labels: Labels;
  /** It is being deleted: it takes nothing new. */
  isEnding: boolean;
}

/** Who asks for a service: proxies of one namespace may mean another one, and be given other endpoints. */
export interface Asker {
  namespace: string;
  /** The instance whose proxy asks; absent when it is not known. */
  instance?: string;
}

export type Labels = Readonly<Record<string, string>>;

/** A running copy of a workload, as a registry declares it (a `Workload` resource, a pod). */
export interface Instance {
  namespace: string;
  /** Unique within the namespace. */
  name: string;
  workload: Workload;
  labels: Labels;
  /** IP addresses in text form. */
  addresses: string[];
  /** The ports that have a name. */
  ports: Readonly<Record<string, number>>;
  /** The node that it is on; absent when it is on none that is known. */
  node?: string;
  /** Tells it from another of its name, where the registry can. */
  uid?: string;
  /** Others may have its addresses as well: they are its node's, or nobody holds it to its own. */
  sharesAddresses?: true;
  /** As whom it is certified, where that is not its workload's name (Kubernetes: its service account). */
  account?: string;
  /** Where its sidecar listens, be it connected here or to another replica; absent when it is known to have none. */
  sidecar?: SidecarAddresses;
}

/** A proxy beside an instance. */
export interface Sidecar extends SidecarAddresses {
  /** The instance's name, unique within the namespace. */
  name: string;
  namespace: string;
  workload: Workload;
}

/** Where others reach a proxy, and by which name they know that it is the one. */
export interface SidecarAddresses {
  /** host:port of /metrics; empty when the proxy has none. */
  adminAddress: string;
  /** host:port of the tap service; empty when the proxy has none. */
  tapAddress: string;
  /** The SPIFFE ID that the tap service proves by TLS, in which it takes the control plane alone; absent when it speaks plain text. */
  tapIdentity?: string;
  /** Where it takes what others send to the application; none while it does not run. */
  inbound: Inbound[];
  /** The SPIFFE ID in its certificate; absent when it has none. */
  identity?: string;
  /** With an identity: networks (`10.0.0.0/8`, or an address) from which others reach the instance without it. */
  bypassedFrom?: readonly string[];
  /** Of an IP address of which it takes redirected connections to every port, those that others reach without it. */
  bypassed?: readonly PortRange[];
}

/** Ports, the last one included. */
export type PortRange = readonly [first: number, last: number];

/** A listener of a proxy. */
export interface Inbound {
  /** host:port at which others reach it. */
  address: string;
  /** host:port of the application behind it; empty where it takes redirected connections to every port of that host. */
  application: string;
}

/** A proxy with an open discovery stream (or one that broke a moment ago). */
export interface ConnectedProxy extends Sidecar {
  /** The version of mesh-proxy. */
  version: string;
  /** host:port of the outbound listener; empty when the proxy has none. */
  outboundAddress: string;
}

/** Who may call the instances of a namespace, or some of them. Namespace and name compare in lower case. */
export interface Permission {
  namespace: string;
  name: string;
  spec: TrafficPermissionSpec;
  /** Where it was read. */
  origin: Omit<Problem, "message">;
}

/** How sidecars are to treat services. Nothing acts on it yet, so that whom it is for is all that is kept of it. */
export interface ServicePolicy {
  namespace: string;
  name: string;
  targets: readonly PolicyTarget[];
  /** Where it was read. */
  origin: Omit<Problem, "message">;
}

/** A service outside of the mesh. Nothing acts on it yet, so that it is known by name alone. */
export interface ExternalService {
  namespace: string;
  name: string;
}

/** Something wrong in a source of the catalog. */
export interface Problem {
  /** A file's path, or the name of what the problem is with. */
  source: string;
  /** From 1; 0 when the problem is not in one line. */
  line: number;
  /** What was found and what was expected. */
  message: string;
}

/** Which resources are meant: a long singular type ("deployment", "pod", "workload" for any kind, "all"); empty means all. */
export interface ResourceSelector {
  type: string;
  namespace: string;
  name: string;
}

export interface Resource {
  type: string;
  namespace: string;
  name: string;
  /** Instances that belong to it, and how many of them have a sidecar. */
  pods: number;
  meshedPods: number;
}

// NetworkPolicies as rules of nftables, for a node on which all pods are.
import type { INetworkPolicyPeer } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer";
import type { INetworkPolicyPort } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPort";
import { isIPv6 } from "node:net";
import type { NetworkPolicy, Pod } from "./objects.js";
import { selects } from "./selector.js";

/** A pod that has a network of its own. */
export interface PlacedPod {
  readonly pod: Pod;
  readonly addresses: readonly string[];
}

/** What the rules depend on. */
export interface Cluster {
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly PlacedPod[];
  /** The labels of namespaces, by name. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Whether a pod is the one who is connected to, or who connects. */
type Direction = "Ingress" | "Egress";

/** Which packets are meant; those of one family alone where it is said. */
interface Match {
  readonly family?: Family;
  readonly text: string;
}

type Family = "ip" | "ip6";

const TABLE = "inet network-policies";

/**
 * The input of `nft -f` that puts all policies into force at once, in place of those before. A pod that a policy selects is
 * connected to, or connects, only as one of its policies allows; what is not allowed is dropped. Connections that are open go on,
 * and the node itself always reaches its pods, for the kubelet probes them.
 */
export function nftRules(cluster: Cluster): string {
  const { pods } = cluster;
  const held = (direction: Direction) =>
    pods.filter(({ pod }) => policiesOf(pod, direction, cluster).length > 0);
  return `table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
${held("Ingress")
  .map((placed) => chain(placed, "Ingress", cluster))
  .join("")}${held("Egress")
    .map((placed) => chain(placed, "Egress", cluster))
    .join("")}  chain open {
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept
  }
  chain between-pods {
    type filter hook forward priority filter - 1; policy accept;
    jump open
${dispatch(held("Egress"), "Egress")}${dispatch(held("Ingress"), "Ingress")}  }
  chain from-pods-to-node {
    type filter hook input priority filter - 1; policy accept;
    jump open
${dispatch(held("Egress"), "Egress")}  }
}
`;
}

/** The policies that say with whom a pod may have to do. */
const policiesOf = ({ metadata }: Pod, direction: Direction, { policies }: Cluster) =>
  policies.filter(
    (policy) =>
      policy.metadata.namespace === metadata.namespace &&
      policy.spec.policyTypes?.includes(direction) &&
      selects(policy.spec.podSelector, metadata.labels),
  );

const chainName = ({ pod }: PlacedPod, direction: Direction) =>
  `${direction}/${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;

/** Goes on to the chain of each pod that has one. */
function dispatch(pods: readonly PlacedPod[], direction: Direction): string {
  const key = direction === "Ingress" ? "daddr" : "saddr";
  return pods
    .flatMap((placed) =>
      placed.addresses.map(
        (address) => `    ${familyOf(address)} ${key} ${address} jump ${chainName(placed, direction)}\n`,
      ),
    )
    .join("");
}

function chain(placed: PlacedPod, direction: Direction, cluster: Cluster): string {
  // Nothing keeps a pod from itself, by a service of its for one.
  const allowed = ofAddresses(placed.addresses, otherEnd(direction));
  for (const policy of policiesOf(placed.pod, direction, cluster)) {
    for (const { peers, ports } of rulesOf(policy, direction)) {
      const ends = peerMatches(peers, direction, policy, cluster);
      const doors = portMatches(ports, cluster);
      allowed.push(...ends.flatMap((end) => doors.flatMap((door) => both(end, door))));
    }
  }
  const lines = [...allowed.map(({ text }) => `${text} return`.trim()), "drop"];
  return `  chain ${chainName(placed, direction)} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;
}

const rulesOf = ({ spec }: NetworkPolicy, direction: Direction) =>
  direction === "Ingress"
    ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
    : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));

const otherEnd = (direction: Direction) => (direction === "Ingress" ? "saddr" : "daddr");

/** Everybody when no peer is named. */
function peerMatches(
  peers: readonly INetworkPolicyPeer[] = [],
  direction: Direction,
  policy: NetworkPolicy,
  cluster: Cluster,
): Match[] {
  if (peers.length === 0) return [{ text: "" }];
  const end = otherEnd(direction);
  const blocks = peers.flatMap(({ ipBlock }) => {
    if (!ipBlock) return [];
    const family = familyOf(ipBlock.cidr);
    const except = (ipBlock.except ?? []).map((cidr) => ` ${family} ${end} != ${cidr}`).join("");
    return [{ family, text: `${family} ${end} ${ipBlock.cidr}${except}` }];
  });
  const pods = cluster.pods.filter(({ pod }) => peers.some((peer) => isPeer(pod, peer, policy, cluster)));
  const addresses = pods.flatMap((placed) => placed.addresses);
  return [...blocks, ...ofAddresses(addresses, end)];
}

function isPeer(
  { metadata }: Pod,
  peer: INetworkPolicyPeer,
  policy: NetworkPolicy,
  cluster: Cluster,
): boolean {
  const { ipBlock, namespaceSelector, podSelector = {} } = peer;
  if (ipBlock) return false;
  const inNamespace = namespaceSelector
    ? selects(namespaceSelector, cluster.namespaces.get(metadata.namespace ?? ""))
    : metadata.namespace === policy.metadata.namespace;
  return inNamespace && selects(podSelector, metadata.labels);
}

/** Every port of every protocol when none is named. */
function portMatches(ports: readonly INetworkPolicyPort[] = [], cluster: Cluster): Match[] {
  if (ports.length === 0) return [{ text: "" }];
  return ports.flatMap(({ protocol = "TCP", port, endPort }) => {
    const name = protocol.toLowerCase();
    if (port === undefined) return [{ text: `meta l4proto ${name}` }];
    if (typeof port === "string") return namedPort(port, protocol, cluster);
    return [{ text: `${name} dport ${port}${endPort === undefined ? "" : `-${endPort}`}` }];
  });
}

/** A port by its name is another one at each pod that is connected to. */
function namedPort(wanted: string, protocol: string, { pods }: Cluster): Match[] {
  const doors = pods.flatMap(({ pod, addresses }) =>
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
      .flatMap(({ ports = [] }) => ports)
      .filter(({ name, protocol: its = "TCP" }) => name === wanted && its === protocol)
      .flatMap(({ containerPort }) => addresses.map((address) => ({ address, containerPort }))),
  );
  return byFamily(
    doors,
    ({ address }) => address,
    (family, some) => {
      const pairs = new Set(some.map(({ address, containerPort }) => `${address} . ${containerPort}`));
      return `${family} daddr . ${protocol.toLowerCase()} dport { ${[...pairs].join(", ")} }`;
    },
  );
}

const ofAddresses = (addresses: readonly string[], end: string): Match[] =>
  byFamily(
    addresses,
    (address) => address,
    (family, some) => `${family} ${end} { ${some.join(", ")} }`,
  );

/** A match for each family that is there. */
function byFamily<T>(
  items: readonly T[],
  addressOf: (item: T) => string,
  match: (family: Family, items: readonly T[]) => string,
): Match[] {
  return (["ip", "ip6"] as const).flatMap((family) => {
    const some = items.filter((item) => familyOf(addressOf(item)) === family);
    return some.length === 0 ? [] : [{ family, text: match(family, some) }];
  });
}

/** None when no packet can be both. */
function both(one: Match, other: Match): Match[] {
  const family = one.family ?? other.family;
  if (family !== undefined && (other.family ?? family) !== family) return [];
  return [{ ...(family && { family }), text: `${one.text} ${other.text}`.trim() }];
}

/** Of an address or a network. */
const familyOf = (address: string): Family => (isIPv6(address.split("/")[0] ?? "") ? "ip6" : "ip");

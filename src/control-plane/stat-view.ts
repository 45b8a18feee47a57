import type { ResourceSelector } from "../catalog/index.js";
import type { TrafficLabel, TrafficLabels, TrafficQuery } from "../metrics/index.js";

/** The end of the traffic at which the resources of the rows are. */
export type Side = "src" | "dst";

/** Resources of one kind of grouping: how their traffic is asked for, and whose it is. */
export interface StatView {
  query: TrafficQuery;
  side: Side;
  /** The resource that a group of the answer belongs to. */
  resourceOf: (labels: TrafficLabels) => { type: string; namespace: string; name: string };
}

/** The other end of the traffic, when only that with certain resources is asked for. */
export interface StatPeer {
  /** "from": the peer sends to the rows' resources; "to": these send to the peer. */
  role: "from" | "to";
  selector: ResourceSelector;
}

const NOT_WORKLOADS: readonly string[] = ["pod", "service", "namespace", "node", "all"];

/** The name of the node that an instance is on; undefined when it is not known. */
export type NodeOf = (namespace: string, instance: string) => string | undefined;

/**
 * The questions whose answers are the rows for a selector. Workloads, pods, nodes and namespaces are shown with what they
 * served; a service, and whatever has a peer, with what the senders' proxies saw. Several groups may belong to one resource.
 */
export function viewsOf(
  selector: ResourceSelector,
  peer: StatPeer | undefined,
  windowSeconds: number,
  nodeOf: NodeOf,
): StatView[] {
  const types =
    selector.type === "all"
      ? ["workload", "pod", ...(peer?.role === "to" ? [] : ["service"])]
      : [selector.type];
  return types.map((type) =>
    type === "node"
      ? nodeView(selector, peer, windowSeconds, nodeOf)
      : view({ ...selector, type }, peer, windowSeconds),
  );
}

/** No metric knows of nodes: they are shown with what their pods served. */
function nodeView(
  { name: wanted }: ResourceSelector,
  peer: StatPeer | undefined,
  windowSeconds: number,
  nodeOf: NodeOf,
): StatView {
  const pods = view({ type: "pod", namespace: "", name: "" }, peer, windowSeconds);
  return {
    ...pods,
    resourceOf: (group) => {
      const pod = pods.resourceOf(group);
      const name = nodeOf(pod.namespace, pod.name) ?? "";
      return { type: "node", namespace: "", name: wanted === "" || wanted === name ? name : "" };
    },
  };
}

function view(selector: ResourceSelector, peer: StatPeer | undefined, windowSeconds: number): StatView {
  const side = peer?.role === "to" ? "src" : "dst";
  const labels = labelsOf(selector.type, side);
  return {
    side,
    query: {
      direction: peer === undefined && selector.type !== "service" ? "inbound" : "outbound",
      match: {
        ...matchOf(selector, side),
        ...(peer && matchOf(peer.selector, side === "dst" ? "src" : "dst")),
      },
      groupBy: [labels.namespace, labels.kind, labels.name].filter((label) => label !== undefined),
      windowSeconds,
    },
    resourceOf: (group) => ({
      type: labels.kind === undefined ? selector.type : (group[labels.kind] ?? ""),
      namespace: selector.type === "namespace" ? "" : (group[labels.namespace] ?? ""),
      name: group[labels.name] ?? "",
    }),
  };
}

/** The labels that tell resources of a type apart. */
function labelsOf(
  type: string,
  side: Side,
): { namespace: TrafficLabel; kind?: TrafficLabel; name: TrafficLabel } {
  const namespace = `${side}_namespace` as const;
  if (type === "namespace") return { namespace, name: namespace };
  if (type === "pod") return { namespace, name: `${side}_pod` };
  if (type === "service") return { namespace, name: "dst_service" };
  return { namespace, kind: `${side}_workload_kind`, name: `${side}_workload` };
}

function matchOf({ type, namespace, name }: ResourceSelector, side: Side): TrafficLabels {
  const labels = labelsOf(type, side);
  return {
    ...(namespace !== "" && type !== "namespace" && { [labels.namespace]: namespace }),
    ...(labels.kind && type !== "workload" && !NOT_WORKLOADS.includes(type) && { [labels.kind]: type }),
    ...(name !== "" && { [labels.name]: name }),
  };
}

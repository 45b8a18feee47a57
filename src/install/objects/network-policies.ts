import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import type { INetworkPolicyIngressRule } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyIngressRule";
import type { INetworkPolicyPeer } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer";
import type { Installation } from "../installation.js";
import { grafanaIsInstalled } from "./grafana.js";
import {
  CONTROL_PLANE,
  GRAFANA,
  labelsOf,
  metadata,
  NAMESPACE,
  type PartName,
  PORTS,
  PROMETHEUS,
  selectorOf,
  WEBHOOK,
} from "../../installed-names/index.js";

type Peers = readonly INetworkPolicyPeer[];

const ANYBODY: Peers = [];
const EVERY_POD: Peers = [{ namespaceSelector: {} }];
const pods = (...parts: PartName[]): Peers =>
  parts.map((part) => ({ podSelector: { matchLabels: selectorOf(part) } }));

/** Who may connect to the mesh's own pods: nobody, but where a part needs it. A port-forward is not held by this. */
export function networkPolicies(installation: Installation): INetworkPolicy[] {
  const { values } = installation;
  if (!values.networkPolicies.enabled) return [];
  // Without a Prometheus of ours it is not known who scrapes.
  const scrapers = values.prometheus.enabled ? pods(PROMETHEUS) : EVERY_POD;
  const proxyIsWatched = [from(scrapers, PORTS.proxyAdmin), from(pods(CONTROL_PLANE), PORTS.proxyAdmin)];
  const isWatched = [from(scrapers, PORTS.admin.sidecar), ...proxyIsWatched];
  const queries = grafanaIsInstalled(values) ? pods(CONTROL_PLANE, GRAFANA) : pods(CONTROL_PLANE);
  return [
    denyByDefault(installation),
    allow(CONTROL_PLANE, [from(EVERY_POD, PORTS.discovery.sidecar), ...isWatched], installation),
    // The API server is no pod: where it connects from is known to nobody.
    allow(WEBHOOK, [from(ANYBODY, PORTS.webhook.sidecar), ...isWatched], installation),
    ...(values.prometheus.enabled
      ? [allow(PROMETHEUS, [from(queries, PORTS.prometheus.sidecar), ...proxyIsWatched], installation)]
      : []),
    ...(grafanaIsInstalled(values) ? [allow(GRAFANA, proxyIsWatched, installation)] : []),
  ];
}

function from(peers: Peers, ...ports: number[]): INetworkPolicyIngressRule {
  return {
    ...(peers.length > 0 && { from: [...peers] }),
    ports: ports.map((port) => ({ protocol: "TCP", port })),
  };
}

const denyByDefault = ({ version }: Installation): INetworkPolicy => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "mesh-default-deny", namespace: NAMESPACE, labels: labelsOf("mesh-network", version) },
  spec: { podSelector: {}, policyTypes: ["Ingress"] },
});

const allow = (
  part: PartName,
  ingress: readonly INetworkPolicyIngressRule[],
  { version }: Installation,
): INetworkPolicy => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: metadata(part, part, version),
  spec: { podSelector: { matchLabels: selectorOf(part) }, policyTypes: ["Ingress"], ingress: [...ingress] },
});

/**
 * Ports in the mesh's own pods. The servers that others call listen on loopback; their sidecars take connections on the ports
 * that end in the same digits.
 */
export const PORTS = {
  discovery: { server: 8086, sidecar: 10086 },
  api: 8085,
  webhook: { server: 8443, sidecar: 10443 },
  /** Metrics and probes of the control plane and the webhook. */
  admin: 9990,
  /** Metrics and probes of a sidecar. */
  proxyAdmin: 4191,
  /** Where the control plane watches requests of a sidecar. */
  proxyTap: 4190,
  prometheus: 9090,
  grafana: 3000,
} as const;

/** A server on loopback, and where its pod's sidecar takes connections for it. */
export interface RelayedPort {
  readonly server: number;
  readonly sidecar: number;
}

/**
 * Ports in the mesh's own pods. The servers that others call listen on loopback; their sidecars take connections on the ports
 * that end in the same digits.
 */
export const PORTS = {
  discovery: { server: 8086, sidecar: 10086 },
  api: 8085,
  webhook: { server: 8443, sidecar: 10443 },
  /** Metrics and probes of the control plane and the webhook. */
  admin: { server: 9990, sidecar: 10990 },
  /** Metrics and probes of a sidecar. */
  proxyAdmin: 4191,
  /** Where programs in a pod ask their sidecar to pass requests on. */
  proxyOutbound: 4140,
  prometheus: { server: 9090, sidecar: 10090 },
  grafana: { server: 3000, sidecar: 13000 },
} as const;

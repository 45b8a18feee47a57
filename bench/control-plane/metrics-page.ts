/** Upper bounds of the latency histogram's buckets, as many as a sidecar has. */
const BUCKETS = Array.from({ length: 26 }, (_, index) => (0.0001 * 1.7 ** index).toFixed(4));

/** Services that the application calls and has called. */
const DESTINATIONS = 10;

/**
 * The metrics of a sidecar whose application serves requests and calls ten services. `@38` stands for a counter that grows by
 * 38 a second.
 */
export function metricsPage(): string {
  const self =
    'dst_namespace="bench-0",dst_workload="service-0",dst_workload_kind="deployment",dst_service=""';
  return [
    ...series("inbound", self),
    ...Array.from({ length: DESTINATIONS }, (_, index) => {
      const name = `service-${index}`;
      const labels = `dst_namespace="bench-0",dst_workload="${name}",dst_workload_kind="deployment",dst_service="${name}"`;
      return series("outbound", labels);
    }).flat(),
    "mesh_discovery_connected 1",
    'mesh_build_info{version="0.1.0"} 1',
    "process_resident_memory_bytes 6000000",
    "",
  ].join("\n");
}

function series(direction: string, destination: string): string[] {
  const labels = `direction="${direction}",${destination},tls="false"`;
  const success = `${labels},classification="success"`;
  const latency = "mesh_response_latency_seconds";
  return [
    `mesh_requests_total{${labels}} @26`,
    `mesh_responses_total{${success},status_code="200",proxy_error=""} @26`,
    ...BUCKETS.map((bound, index) => `${latency}_bucket{${success},le="${bound}"} @${index}`),
    `${latency}_bucket{${success},le="+Inf"} @26`,
    `${latency}_sum{${success}} 1.5`,
    `${latency}_count{${success}} @26`,
    ...["src", "dst"].flatMap((peer) => [
      `mesh_tcp_open_total{${labels},peer="${peer}"} 10`,
      `mesh_tcp_open_connections{${labels},peer="${peer}"} 2`,
      `mesh_tcp_read_bytes_total{${labels},peer="${peer}"} @4000`,
      `mesh_tcp_write_bytes_total{${labels},peer="${peer}"} @9000`,
    ]),
  ];
}

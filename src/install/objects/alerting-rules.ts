import type { JsonObject } from "../../manifest/index.js";
import type { Values } from "../values/index.js";

const DOCS = "docs/install.md#alerts";

/** What is told as trouble. */
export function alertingRules({ prometheus }: Values): JsonObject {
  const { minSuccessRate, certificateDays } = prometheus.alerts;
  return {
    groups: [
      {
        name: "mesh",
        rules: [
          alert(
            "MeshSuccessRateLow",
            `workload:mesh_response_success:ratio_rate5m < ${minSuccessRate} and workload:mesh_responses:rate5m > 0.1`,
            "5m",
            "warning",
            "{{ $labels.dst_workload_kind }}/{{ $labels.dst_workload }} in {{ $labels.dst_namespace }} answers " +
              `{{ $value | humanizePercentage }} of its requests with success, less than ${percent(minSuccessRate)}`,
          ),
          alert(
            "MeshCertificateExpires",
            `min by (certificate) (mesh_certificate_expiry_timestamp_seconds) - time() < ${certificateDays * 86_400}`,
            "10m",
            "warning",
            "the mesh's {{ $labels.certificate }} certificate expires in {{ $value | humanizeDuration }}",
          ),
          alert(
            "MeshControlPlaneDown",
            'absent(up{job="mesh-control-plane", component="control-plane"} == 1)',
            "2m",
            "critical",
            "no pod of the mesh's control plane answers",
          ),
          alert(
            "MeshProxyWithoutControlPlane",
            "mesh_discovery_connected == 0",
            "5m",
            "warning",
            "the sidecar of {{ $labels.pod }} in {{ $labels.namespace }} goes on with what it last knew: it does not reach the control plane",
          ),
        ],
      },
    ],
  };
}

const percent = (share: number) => `${Number((share * 100).toFixed(4))}%`;

const alert = (name: string, expr: string, held: string, severity: string, summary: string) => ({
  alert: name,
  expr,
  for: held,
  labels: { severity },
  annotations: { summary, documentation: DOCS },
});

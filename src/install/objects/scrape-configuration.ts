import type { JsonObject } from "../../manifest/index.js";
import type { Values } from "../values/index.js";
import { adminHost } from "./admin-service.js";
import { CONTROL_PLANE, PORTS, WEBHOOK } from "../../installed-names/index.js";

/**
 * What Prometheus reads, and how often. It finds the mesh's own pods by DNS, and the control plane tells it of the proxies: so it
 * needs no right in the cluster. The mesh's own pods want to know who asks, and so they are asked through its sidecar.
 */
export function scrapeConfiguration({ prometheus }: Values): JsonObject {
  const interval = prometheus.scrapeInterval;
  const sidecar = `http://127.0.0.1:${PORTS.proxyOutbound}`;
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: ["*-rules.yml"],
    scrape_configs: [
      { job_name: "prometheus", static_configs: [{ targets: [`127.0.0.1:${PORTS.prometheus.server}`] }] },
      {
        job_name: "mesh-control-plane",
        proxy_url: sidecar,
        // The Services have the cluster's own family of addresses: nothing is found in the other.
        dns_sd_configs: ["A", "AAAA"].map((type) => ({
          names: [adminHost(CONTROL_PLANE), adminHost(WEBHOOK)],
          type,
          port: PORTS.admin.sidecar,
          refresh_interval: interval,
        })),
        relabel_configs: [
          {
            source_labels: ["__meta_dns_name"],
            regex: "mesh-(.*)-admin\\..*",
            target_label: "component",
          },
        ],
      },
      {
        job_name: "mesh-proxy",
        http_sd_configs: [
          {
            url: `http://${adminHost(CONTROL_PLANE)}:${PORTS.admin.server}/targets/proxies`,
            proxy_url: sidecar,
            refresh_interval: interval,
          },
        ],
      },
    ],
  };
}

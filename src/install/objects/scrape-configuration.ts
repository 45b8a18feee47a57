import { PROXY_CONTAINER } from "../../inject/index.js";
import type { JsonObject } from "../../manifest/index.js";
import type { Values } from "../values/index.js";
import { CONTROL_PLANE, NAMESPACE, WEBHOOK } from "./names.js";
import { PORTS } from "./ports.js";

/** What Prometheus reads, and how often. A pod is a target once for each port that it declares, so ports are told apart by name. */
export function scrapeConfiguration({ prometheus }: Values): JsonObject {
  return {
    global: {
      scrape_interval: prometheus.scrapeInterval,
      scrape_timeout: prometheus.scrapeInterval,
      evaluation_interval: prometheus.scrapeInterval,
    },
    rule_files: ["*-rules.yml"],
    scrape_configs: [
      { job_name: "prometheus", static_configs: [{ targets: [`127.0.0.1:${PORTS.prometheus}`] }] },
      {
        job_name: "mesh-control-plane",
        kubernetes_sd_configs: [{ role: "pod", namespaces: { names: [NAMESPACE] } }],
        relabel_configs: [
          keep(
            ["pod_label_app_kubernetes_io_name", "pod_container_port_name"],
            `(${CONTROL_PLANE}|${WEBHOOK});admin`,
          ),
          ...fromPod,
          copy("pod_label_app_kubernetes_io_component", "component"),
        ],
      },
      {
        job_name: "mesh-proxy",
        kubernetes_sd_configs: [{ role: "pod" }],
        relabel_configs: [
          keep(["pod_container_name", "pod_container_port_name"], `${PROXY_CONTAINER};mesh-admin`),
          ...fromPod,
        ],
      },
    ],
  };
}

const label = (name: string) => `__meta_kubernetes_${name}`;

const keep = (sources: readonly string[], regex: string) => ({
  action: "keep",
  source_labels: sources.map(label),
  regex,
});

const copy = (source: string, target: string) => ({
  source_labels: [label(source)],
  target_label: target,
});

/** A pod that has ended answers no more. */
const fromPod = [
  { action: "drop", source_labels: [label("pod_phase")], regex: "Pending|Succeeded|Failed" },
  copy("namespace", "namespace"),
  copy("pod_name", "pod"),
];

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dashboardQueries } from "./dashboards.js";
import { find, objectsOf } from "./installations.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mesh-prometheus-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const filesOf = (name: string) =>
  (find(objectsOf("default"), "ConfigMap", name) as unknown as { data: Record<string, string> }).data;

function promtool(...words: string[]): string {
  return execFileSync("promtool", words, { cwd: folder, encoding: "utf8", stdio: "pipe" });
}

function writeFiles(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
}

const expressionsOf = (dashboard: string) => dashboardQueries(dashboard).map(({ expression }) => expression);

test("promtool takes the configuration and the rules", () => {
  writeFiles(filesOf("mesh-prometheus"));
  const said = promtool("check", "config", "prometheus.yml");
  expect(said).toContain("SUCCESS: prometheus.yml is valid prometheus config file syntax");
  expect(said).toMatch(/SUCCESS: 4 rules found[\s\S]*SUCCESS: 11 rules found/);
});

test("promtool takes every expression of the dashboards", () => {
  const expressions = Object.values(filesOf("mesh-grafana-dashboards")).flatMap(expressionsOf);
  expect(expressions.length).toBeGreaterThan(30);
  const rules = expressions.map((expr, index) => ({ record: `dashboard:${index}`, expr }));
  writeFiles({ "dashboards.yml": JSON.stringify({ groups: [{ name: "dashboards", rules }] }) });
  expect(promtool("check", "rules", "dashboards.yml")).toContain(
    `SUCCESS: ${expressions.length} rules found`,
  );
});

test("rules and dashboards ask for nothing that is not documented or recorded", () => {
  const docs = ["metrics.md", "proxy.md", "control-plane.md"].map((name) =>
    readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8"),
  );
  const rules = Object.values(filesOf("mesh-prometheus")).join("\n");
  const asked = rules + Object.values(filesOf("mesh-grafana-dashboards")).flatMap(expressionsOf).join("\n");
  const recorded = new Set([...rules.matchAll(/record: "?([\w:]+)/g)].map(([, name]) => name));
  for (const [name] of asked.matchAll(/\b(workload|service):\w+:\w+/g)) expect(recorded).toContain(name);
  const metrics = new Set(
    [...asked.matchAll(/(?<![\w:])mesh_\w+/g)].map(([name]) => name.replace(/_bucket$/, "")),
  );
  expect(metrics.size).toBeGreaterThan(8);
  for (const name of metrics) expect(docs.join(), name).toContain(`\`${name}`);
});

const successAlert = (workload: string, rate: string) => ({
  exp_labels: {
    severity: "warning",
    dst_namespace: "shop",
    dst_workload_kind: "deployment",
    dst_workload: workload,
  },
  exp_annotations: {
    summary: `deployment/${workload} in shop answers ${rate} of its requests with success, less than 99%`,
    documentation: "docs/install.md#alerts",
  },
});

test("alerts tell of failures, of a certificate that ends and of a control plane that is gone, and of nothing else", () => {
  writeFiles(filesOf("mesh-prometheus"));
  const responses = (workload: string, classification: string) =>
    `mesh_responses_total{direction="inbound", dst_namespace="shop", dst_workload_kind="deployment", dst_workload="${workload}", classification="${classification}"}`;
  const days = 86_400;
  writeFiles({
    "test.yml": JSON.stringify({
      rule_files: ["recording-rules.yml", "alerting-rules.yml"],
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: [
            { series: responses("good", "success"), values: "0+600x40" },
            { series: responses("bad", "success"), values: "0+540x40" },
            { series: responses("bad", "failure"), values: "0+60x40" },
            { series: responses("dead", "failure"), values: "0+60x40" },
            { series: responses("idle", "success"), values: "7x40" },
            { series: responses("rare", "failure"), values: "0+1x40" },
            { series: responses("nearly-good", "success"), values: "0+597x40" },
            { series: responses("nearly-good", "failure"), values: "0+3x40" },
            {
              series: 'up{job="mesh-control-plane", component="control-plane", instance="a"}',
              values: "1x20 0x20",
            },
            {
              series: 'up{job="mesh-control-plane", component="control-plane", instance="b"}',
              values: "0x40",
            },
            { series: 'up{job="mesh-control-plane", component="webhook"}', values: "1x40" },
            {
              series: 'mesh_certificate_expiry_timestamp_seconds{certificate="root"}',
              values: `${59 * days}x40`,
            },
            {
              series: 'mesh_certificate_expiry_timestamp_seconds{certificate="issuer"}',
              values: `${61 * days}x40`,
            },
            { series: 'mesh_discovery_connected{pod="a", namespace="shop"}', values: "1x10 0x30" },
            { series: 'mesh_discovery_connected{pod="b", namespace="shop"}', values: "1x40" },
            { series: 'mesh_discovery_connected{pod="short", namespace="shop"}', values: "1x25 0x2 1x13" },
          ],
          promql_expr_test: [
            {
              expr: "workload:mesh_response_success:ratio_rate1m",
              eval_time: "15m",
              exp_samples: [
                ["good", 1],
                ["bad", 0.9],
                ["dead", 0],
                ["rare", 0],
                ["nearly-good", 0.995],
              ].map(([workload, value]) => ({
                labels: `workload:mesh_response_success:ratio_rate1m{dst_namespace="shop", dst_workload_kind="deployment", dst_workload="${workload ?? ""}"}`,
                value,
              })),
            },
          ],
          alert_rule_test: [
            {
              eval_time: "15m",
              alertname: "MeshSuccessRateLow",
              exp_alerts: [successAlert("bad", "90%"), successAlert("dead", "0%")],
            },
            {
              eval_time: "15m",
              alertname: "MeshCertificateExpires",
              exp_alerts: [
                {
                  exp_labels: { severity: "warning", certificate: "root" },
                  exp_annotations: {
                    summary: "the mesh's root certificate expires in 58d 23h 45m 0s",
                    documentation: "docs/install.md#alerts",
                  },
                },
              ],
            },
            { eval_time: "15m", alertname: "MeshControlPlaneDown", exp_alerts: [] },
            { eval_time: "15m", alertname: "MeshProxyWithoutControlPlane", exp_alerts: [] },
            {
              eval_time: "30m",
              alertname: "MeshControlPlaneDown",
              exp_alerts: [
                {
                  exp_labels: { severity: "critical" },
                  exp_annotations: {
                    summary: "no pod of the mesh's control plane answers",
                    documentation: "docs/install.md#alerts",
                  },
                },
              ],
            },
            {
              eval_time: "30m",
              alertname: "MeshProxyWithoutControlPlane",
              exp_alerts: [
                {
                  exp_labels: { severity: "warning", pod: "a", namespace: "shop" },
                  exp_annotations: {
                    summary:
                      "the sidecar of a in shop goes on with what it last knew: it does not reach the control plane",
                    documentation: "docs/install.md#alerts",
                  },
                },
              ],
            },
          ],
        },
      ],
    }),
  });
  expect(promtool("test", "rules", "test.yml")).toContain("SUCCESS");
});

import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IConfigMap } from "kubernetes-models/v1/ConfigMap";
import type { IService } from "kubernetes-models/v1/Service";
import { printDocuments } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import { template, templatesIn } from "../../templates/index.js";
import type { Values } from "../values/index.js";
import { fingerprint, placement, resourcesOf, restricted } from "./containers.js";
import { GRAFANA, labelsOf, metadata, PORTS, selectorOf } from "../../installed-names/index.js";
import { prometheusUrl } from "./prometheus.js";
import { withSidecar } from "./sidecar.js";

/** The user of Grafana's image. */
const UID = 472;
const DASHBOARDS = "/etc/grafana/dashboards";

/** Whether there is a Grafana: it shows what a Prometheus keeps. */
export const grafanaIsInstalled = (values: Values): boolean =>
  values.grafana.enabled && prometheusUrl(values) !== "";

/** Dashboards, for whoever may forward a port to them; there is nothing to log in to. */
export function grafana(installation: Installation): (IConfigMap | IDeployment | IService)[] {
  const { values, version } = installation;
  if (!grafanaIsInstalled(values)) return [];
  const settings = configMap("mesh-grafana-settings", version, {
    "datasources.yaml": printDocuments([datasources(values)]),
    "dashboards.yaml": printDocuments([dashboardProvider]),
  });
  const dashboards = configMap("mesh-grafana-dashboards", version, dashboardFiles());
  return [
    settings,
    dashboards,
    service(version),
    withSidecar(
      bareDeployment(installation, fingerprint(settings, dashboards)),
      { inbound: [PORTS.grafana] },
      installation,
    ),
  ];
}

const configMap = (name: string, version: string, data: Record<string, string>): IConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: metadata(name, GRAFANA, version),
  data,
});

const datasources = (values: Values) => ({
  apiVersion: 1,
  datasources: [
    {
      name: "Prometheus",
      uid: "prometheus",
      type: "prometheus",
      access: "proxy",
      url: prometheusUrl(values),
      isDefault: true,
      editable: false,
      jsonData: { timeInterval: values.prometheus.scrapeInterval },
    },
  ],
});

const dashboardProvider = {
  apiVersion: 1,
  providers: [
    { name: "mesh", folder: "mesh", type: "file", disableDeletion: true, options: { path: DASHBOARDS } },
  ],
};

const dashboardFiles = () =>
  Object.fromEntries(templatesIn("dashboards").map((file) => [file, template(`dashboards/${file}`)]));

const service = (version: string): IService => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(GRAFANA, GRAFANA, version),
  spec: {
    selector: selectorOf(GRAFANA),
    ports: [
      { name: "http", port: PORTS.grafana.server, targetPort: PORTS.grafana.sidecar, appProtocol: "http" },
    ],
  },
});

/** Whoever reaches it may look, and nobody may change anything; who reaches it is for the NetworkPolicies and for RBAC to say. */
const SETTINGS: Readonly<Record<string, string>> = {
  GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: "false",
  GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
  GF_ANALYTICS_REPORTING_ENABLED: "false",
  GF_AUTH_ANONYMOUS_ENABLED: "true",
  GF_AUTH_ANONYMOUS_ORG_ROLE: "Viewer",
  GF_AUTH_BASIC_ENABLED: "false",
  GF_AUTH_DISABLE_LOGIN_FORM: "true",
  GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: `${DASHBOARDS}/mesh.json`,
  GF_LOG_MODE: "console",
  GF_PLUGINS_PREINSTALL_DISABLED: "true",
  GF_SERVER_HTTP_ADDR: "127.0.0.1",
};

/** Ours wants to know who asks, so it is asked through the sidecar. */
const wayToPrometheus = ({ prometheus }: Values): Record<string, string> =>
  prometheus.enabled ? { HTTP_PROXY: `http://127.0.0.1:${PORTS.proxyOutbound}` } : {};

function bareDeployment(installation: Installation, configuration: string): IDeployment {
  const { values, version } = installation;
  const provisioning = "/etc/grafana/provisioning";
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(GRAFANA, GRAFANA, version),
    spec: {
      replicas: 1,
      selector: { matchLabels: selectorOf(GRAFANA) },
      template: {
        metadata: {
          labels: labelsOf(GRAFANA, version),
          annotations: { "mesh.dev/configuration": configuration },
        },
        spec: {
          serviceAccountName: GRAFANA,
          automountServiceAccountToken: false,
          ...placement(GRAFANA, installation),
          securityContext: { fsGroup: UID, runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "grafana",
              image: values.grafana.image,
              imagePullPolicy: values.images.pullPolicy,
              env: Object.entries({ ...SETTINGS, ...wayToPrometheus(values) }).map(([name, value]) => ({
                name,
                value,
              })),
              ports: [{ name: "http", containerPort: PORTS.grafana.sidecar }],
              livenessProbe: {
                httpGet: { path: "/api/health", port: PORTS.grafana.sidecar },
                initialDelaySeconds: 10,
              },
              readinessProbe: { httpGet: { path: "/api/health", port: PORTS.grafana.sidecar } },
              resources: resourcesOf(values.grafana.resources),
              securityContext: restricted(UID),
              volumeMounts: [
                {
                  name: "settings",
                  mountPath: `${provisioning}/datasources/datasources.yaml`,
                  subPath: "datasources.yaml",
                  readOnly: true,
                },
                {
                  name: "settings",
                  mountPath: `${provisioning}/dashboards/dashboards.yaml`,
                  subPath: "dashboards.yaml",
                  readOnly: true,
                },
                { name: "dashboards", mountPath: DASHBOARDS, readOnly: true },
                { name: "data", mountPath: "/var/lib/grafana" },
                { name: "tmp", mountPath: "/tmp" },
              ],
            },
          ],
          volumes: [
            { name: "settings", configMap: { name: "mesh-grafana-settings" } },
            { name: "dashboards", configMap: { name: "mesh-grafana-dashboards" } },
            { name: "data", emptyDir: { sizeLimit: "1Gi" } },
            { name: "tmp", emptyDir: { sizeLimit: "64Mi" } },
          ],
        },
      },
    },
  };
}

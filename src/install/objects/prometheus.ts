import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IConfigMap } from "kubernetes-models/v1/ConfigMap";
import type { IService } from "kubernetes-models/v1/Service";
import { printDocuments } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import { template } from "../../templates/index.js";
import { parseQuantity, type Values } from "../values/index.js";
import { alertingRules } from "./alerting-rules.js";
import { fingerprint, placement, resourcesOf, restricted } from "./containers.js";
import { labelsOf, metadata, NAMESPACE, PORTS, PROMETHEUS, selectorOf } from "../../installed-names/index.js";
import { scrapeConfiguration } from "./scrape-configuration.js";
import { withSidecar } from "./sidecar.js";

/** The user nobody of Prometheus's image. */
const UID = 65534;
const CONFIGURATION = "/etc/prometheus";
const DATA = "/prometheus";
/** Of the disk that Prometheus may take, what its blocks may: it also writes ahead, and compacts into new blocks. */
const SHARE_OF_BLOCKS = 0.8;

/** Where figures are kept; empty when nowhere. */
export const prometheusUrl = ({ prometheus }: Values): string =>
  prometheus.enabled ? `http://${PROMETHEUS}.${NAMESPACE}.svc:${PORTS.prometheus.server}` : prometheus.url;

/** Keeps what proxies and control plane count. */
export function prometheus(installation: Installation): (IConfigMap | IDeployment | IService)[] {
  const { values, version } = installation;
  if (!values.prometheus.enabled) return [];
  const configuration: IConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadata(PROMETHEUS, PROMETHEUS, version),
    data: prometheusFiles(values),
  };
  const bare = bareDeployment(installation, fingerprint(configuration));
  return [configuration, service(version), withSidecar(bare, { inbound: [PORTS.prometheus] }, installation)];
}

/** Prometheus's files, by name. */
function prometheusFiles(values: Values): Record<string, string> {
  const { alerts } = values.prometheus;
  return {
    "prometheus.yml": printDocuments([scrapeConfiguration(values)]),
    "recording-rules.yml": template("prometheus/recording-rules.yml"),
    ...(alerts.enabled && { "alerting-rules.yml": printDocuments([alertingRules(values)]) }),
  };
}

const service = (version: string): IService => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(PROMETHEUS, PROMETHEUS, version),
  spec: {
    selector: selectorOf(PROMETHEUS),
    ports: [
      {
        name: "http",
        port: PORTS.prometheus.server,
        targetPort: PORTS.prometheus.sidecar,
        appProtocol: "http",
      },
    ],
  },
});

function bareDeployment(installation: Installation, configuration: string): IDeployment {
  const { values, version } = installation;
  const { image, retention, storage, resources } = values.prometheus;
  const bytesOfBlocks = Math.floor(parseQuantity(storage) * SHARE_OF_BLOCKS);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(PROMETHEUS, PROMETHEUS, version),
    spec: {
      replicas: 1,
      selector: { matchLabels: selectorOf(PROMETHEUS) },
      template: {
        metadata: {
          labels: labelsOf(PROMETHEUS, version),
          annotations: { "mesh.dev/configuration": configuration },
        },
        spec: {
          serviceAccountName: PROMETHEUS,
          automountServiceAccountToken: false,
          ...placement(PROMETHEUS, installation),
          securityContext: { fsGroup: UID, runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "prometheus",
              image,
              imagePullPolicy: values.images.pullPolicy,
              args: [
                `--config.file=${CONFIGURATION}/prometheus.yml`,
                `--storage.tsdb.path=${DATA}`,
                `--storage.tsdb.retention.time=${retention}`,
                `--storage.tsdb.retention.size=${bytesOfBlocks}B`,
                `--web.listen-address=127.0.0.1:${PORTS.prometheus.server}`,
              ],
              ports: [{ name: "http", containerPort: PORTS.prometheus.sidecar }],
              livenessProbe: {
                httpGet: { path: "/-/healthy", port: PORTS.prometheus.sidecar },
                initialDelaySeconds: 10,
              },
              readinessProbe: { httpGet: { path: "/-/ready", port: PORTS.prometheus.sidecar } },
              resources: resourcesOf(resources),
              securityContext: restricted(UID),
              volumeMounts: [
                { name: "configuration", mountPath: CONFIGURATION, readOnly: true },
                { name: "data", mountPath: DATA },
              ],
            },
          ],
          volumes: [
            { name: "configuration", configMap: { name: PROMETHEUS } },
            { name: "data", emptyDir: { sizeLimit: storage } },
          ],
        },
      },
    },
  };
}

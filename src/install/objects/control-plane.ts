import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IService } from "kubernetes-models/v1/Service";
import type { Installation } from "../installation.js";
import { adminService } from "./admin-service.js";
import { deployment } from "./deployment.js";
import { CONTROL_PLANE, metadata, PORTS, selectorOf } from "../../installed-names/index.js";
import { prometheusUrl } from "./prometheus.js";

/** Discovery for proxies, identity, and the API for commands. */
export function controlPlane(installation: Installation): (IService | IDeployment)[] {
  const { replicas, autoscaling, resources } = installation.values.controlPlane;
  const program = {
    part: CONTROL_PLANE,
    replicas: autoscaling.enabled ? undefined : replicas,
    arguments: programArguments(installation),
    port: { name: "grpc-proxies", containerPort: PORTS.discovery.sidecar },
    resources,
    mounts: [],
    volumes: [],
    sidecar: {
      inbound: [PORTS.discovery, PORTS.admin],
      ownTls: [PORTS.discovery],
      controlPlane: `127.0.0.1:${PORTS.discovery.server}`,
    },
  } as const;
  return [
    service(installation),
    adminService(CONTROL_PLANE, installation.version),
    deployment(program, installation),
  ];
}

const service = ({ version }: Installation): IService => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(CONTROL_PLANE, CONTROL_PLANE, version),
  spec: {
    selector: selectorOf(CONTROL_PLANE),
    ports: [
      {
        name: "grpc-proxies",
        port: PORTS.discovery.server,
        targetPort: PORTS.discovery.sidecar,
        appProtocol: "kubernetes.io/h2c",
      },
    ],
  },
});

function programArguments({ values }: Installation): string[] {
  const { trustDomain, issuer } = values.identity;
  const figures = prometheusUrl(values);
  return [
    "--registry=kubernetes",
    "--role=discovery",
    "--role=identity",
    `--cluster-domain=${values.clusterDomain}`,
    `--trust-domain=${trustDomain}`,
    `--default-permission=${values.defaultPermission}`,
    ...(issuer.secretName === "" ? [] : [`--issuer-secret=${issuer.secretName}`]),
    ...(figures === "" ? [] : [`--prometheus-url=${figures}`]),
    ...(values.prometheus.enabled ? [`--prometheus-proxy=127.0.0.1:${PORTS.proxyOutbound}`] : []),
    `--listen=127.0.0.1:${PORTS.discovery.server}`,
    `--api-listen=127.0.0.1:${PORTS.api}`,
    `--admin-listen=127.0.0.1:${PORTS.admin.server}`,
    `--log-format=${values.controlPlane.logFormat}`,
  ];
}

import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IService } from "kubernetes-models/v1/Service";
import type { Installation } from "../installation.js";
import { adminService } from "./admin-service.js";
import { deployment } from "./deployment.js";
import {
  metadata,
  PORTS,
  selectorOf,
  VALUES_CONFIG_MAP,
  VALUES_KEY,
  WEBHOOK,
} from "../../installed-names/index.js";

/** What the API server asks about new pods, and about resources of the mesh. */
export function webhook(installation: Installation): (IService | IDeployment)[] {
  const { replicas, resources } = installation.values.webhook;
  const items = [{ key: VALUES_KEY, path: VALUES_KEY }];
  const program = {
    part: WEBHOOK,
    replicas,
    arguments: programArguments(installation),
    port: { name: "https", containerPort: PORTS.webhook.sidecar },
    resources,
    mounts: [{ name: "values", mountPath: "/etc/mesh", readOnly: true }],
    volumes: [{ name: "values", configMap: { name: VALUES_CONFIG_MAP, items } }],
    sidecar: { inbound: [PORTS.webhook, PORTS.admin], ownTls: [PORTS.webhook] },
  } as const;
  return [
    service(installation),
    adminService(WEBHOOK, installation.version),
    deployment(program, installation),
  ];
}

const service = ({ version }: Installation): IService => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(WEBHOOK, WEBHOOK, version),
  spec: {
    selector: selectorOf(WEBHOOK),
    ports: [{ name: "https", port: 443, targetPort: PORTS.webhook.sidecar, appProtocol: "https" }],
  },
});

const programArguments = ({ values }: Installation): string[] => [
  "--registry=kubernetes",
  "--role=webhook",
  `--values=/etc/mesh/${VALUES_KEY}`,
  `--webhook-listen=127.0.0.1:${PORTS.webhook.server}`,
  `--admin-listen=127.0.0.1:${PORTS.admin.server}`,
  `--log-format=${values.controlPlane.logFormat}`,
];

import type { IService } from "kubernetes-models/v1/Service";
import {
  type CONTROL_PLANE,
  metadata,
  NAMESPACE,
  PORTS,
  selectorOf,
  type WEBHOOK,
} from "../../installed-names/index.js";

type Part = typeof CONTROL_PLANE | typeof WEBHOOK;

/** A name that DNS resolves to the address of each pod of a part, ready or not: for whoever wants the metrics of every one. */
export const adminHost = (part: Part): string => `${part}-admin.${NAMESPACE}.svc`;

export const adminService = (part: Part, version: string): IService => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(`${part}-admin`, part, version),
  spec: {
    clusterIP: "None",
    publishNotReadyAddresses: true,
    selector: selectorOf(part),
    ports: [
      { name: "admin", port: PORTS.admin.server, targetPort: PORTS.admin.sidecar, appProtocol: "http" },
    ],
  },
});

import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IContainerPort } from "kubernetes-models/v1/ContainerPort";
import type { IVolume } from "kubernetes-models/v1/Volume";
import type { IVolumeMount } from "kubernetes-models/v1/VolumeMount";
import type { Installation } from "../installation.js";
import type { ResourceValues } from "../values/index.js";
import {
  apiAccessMount,
  apiAccessVolume,
  imageOf,
  placement,
  resourcesOf,
  restricted,
} from "./containers.js";
import {
  CONTROL_PLANE,
  labelsOf,
  metadata,
  PORTS,
  selectorOf,
  type WEBHOOK,
} from "../../installed-names/index.js";
import { type SidecarWishes, withSidecar } from "./sidecar.js";

/** The user of the control plane's image; not the sidecar's. */
const UID = 2103;

/** What the control plane's program does in one Deployment. */
export interface Program {
  readonly part: typeof CONTROL_PLANE | typeof WEBHOOK;
  /** Undefined where an autoscaler decides: applying this again must not. */
  readonly replicas: number | undefined;
  readonly arguments: readonly string[];
  readonly port: IContainerPort;
  readonly resources: ResourceValues;
  readonly mounts: readonly IVolumeMount[];
  readonly volumes: readonly IVolume[];
  readonly sidecar: SidecarWishes;
}

/** A Deployment of the control plane's program, with a sidecar. */
export function deployment(program: Program, installation: Installation): IDeployment {
  return withSidecar(bareDeployment(program, installation), program.sidecar, installation);
}

function bareDeployment(program: Program, installation: Installation): IDeployment {
  const { part, replicas, mounts, volumes } = program;
  const { values, version } = installation;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(part, part, version),
    spec: {
      ...(replicas !== undefined && { replicas }),
      selector: { matchLabels: selectorOf(part) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: labelsOf(part, version) },
        spec: {
          serviceAccountName: part,
          automountServiceAccountToken: false,
          ...placement(part, installation),
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: part.replace(/^mesh-/, ""),
              image: imageOf("mesh-control-plane", installation),
              imagePullPolicy: values.images.pullPolicy,
              args: ["control-plane", "run", ...program.arguments],
              ports: [program.port, { name: "admin", containerPort: PORTS.admin.sidecar }],
              startupProbe: {
                httpGet: { path: "/live", port: PORTS.admin.sidecar },
                periodSeconds: 1,
                failureThreshold: 120,
              },
              livenessProbe: { httpGet: { path: "/live", port: PORTS.admin.sidecar } },
              readinessProbe: { httpGet: { path: "/ready", port: PORTS.admin.sidecar }, periodSeconds: 2 },
              resources: resourcesOf(program.resources),
              securityContext: restricted(UID),
              terminationMessagePolicy: "FallbackToLogsOnError",
              volumeMounts: [apiAccessMount, { name: "tmp", mountPath: "/tmp" }, ...mounts],
            },
          ],
          volumes: [apiAccessVolume, { name: "tmp", emptyDir: { sizeLimit: "64Mi" } }, ...volumes],
        },
      },
    },
  };
}

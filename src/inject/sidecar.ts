import type { IContainer } from "kubernetes-models/v1/Container";
import type { IVolume } from "kubernetes-models/v1/Volume";
import { TRUST_ROOTS_CONFIG_MAP, TRUST_ROOTS_KEY } from "../installed-names/index.js";
import type { JsonObject } from "../manifest/index.js";
import { noApiToken } from "./api-token.js";
import {
  ADMIN_PORT_NAME,
  PROXY_CONTAINER,
  TAP_PORT_NAME,
  TOKEN_AUDIENCE,
  TOKEN_DIRECTORY,
  TOKEN_VOLUME,
} from "./names.js";
import type { Options } from "./options.js";

/** What the sidecar has to know of the pod it is for. */
export interface PodFacts {
  /** KIND/NAME of the workload. */
  readonly workload: string;
  /** How long Kubernetes waits for the pod to end, in seconds. */
  readonly gracePeriod: number;
  /** The kubelet's probes that are requests, as the sidecar takes them: `PORT:/PATH`, `PORT:grpc`. */
  readonly probes: readonly string[];
}

/** The sidecar's container. */
export function proxyContainer(options: Options, pod: PodFacts): JsonObject {
  return {
    name: PROXY_CONTAINER,
    image: options.proxyImage,
    imagePullPolicy: options.imagePullPolicy,
    ...(options.nativeSidecar && { restartPolicy: "Always" }),
    env: environment(options, pod),
    ports: [
      { name: "mesh-inbound", containerPort: options.inboundPort },
      { name: TAP_PORT_NAME, containerPort: options.tapPort },
      { name: ADMIN_PORT_NAME, containerPort: options.adminPort },
    ],
    ...startupProbe(options),
    readinessProbe: { httpGet: { path: "/ready", port: options.adminPort }, periodSeconds: 2 },
    livenessProbe: { httpGet: { path: "/live", port: options.adminPort }, periodSeconds: 10 },
    resources: {
      requests: { cpu: options.cpuRequest.text, memory: options.memoryRequest.text },
      limits: { cpu: options.cpuLimit.text, memory: options.memoryLimit.text },
    },
    securityContext: {
      runAsUser: options.proxyUid,
      runAsGroup: options.proxyUid,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [{ name: TOKEN_VOLUME, mountPath: TOKEN_DIRECTORY, readOnly: true }, noApiToken],
  } satisfies IContainer;
}

/** The files in the volume. */
const TOKEN_NAME = "token";
const ROOTS_NAME = "roots.crt";

/**
 * The volume with the sidecar's token, whose own audience lets it open nothing but the mesh, and with the roots that it trusts. A pod starts
 * without those too: its sidecar waits for them.
 */
export function tokenVolume(): JsonObject {
  const serviceAccountToken = { audience: TOKEN_AUDIENCE, expirationSeconds: 3600, path: TOKEN_NAME };
  const items = [{ key: TRUST_ROOTS_KEY, path: ROOTS_NAME }];
  const configMap = { name: TRUST_ROOTS_CONFIG_MAP, items, optional: true };
  return {
    name: TOKEN_VOLUME,
    projected: { sources: [{ serviceAccountToken }, { configMap }] },
  } satisfies IVolume;
}

/** In seconds: how long the application waits for a sidecar that does not get ready, before that starts anew. */
const STARTUP_SECONDS = 600;

/**
 * What comes after a native sidecar starts when this has succeeded. Where mesh-init comes next, that waits for the sidecar itself:
 * a probe would cost a second more, for the kubelet looks at a pod once a second, and acts on a probe only when it looks next.
 */
function startupProbe({ waitForReady, nativeSidecar, cni, adminPort }: Options) {
  if (nativeSidecar && !cni) return {};
  const path = waitForReady && nativeSidecar ? "/ready" : "/live";
  const httpGet = { path, port: adminPort };
  return { startupProbe: { httpGet, periodSeconds: 1, failureThreshold: STARTUP_SECONDS } };
}

function environment(options: Options, { workload, gracePeriod, probes }: PodFacts) {
  const values: Readonly<Record<string, string>> = {
    MESH_PROXY_WORKLOAD: workload,
    MESH_PROXY_CONTROL_PLANE: options.controlPlane.text,
    MESH_PROXY_TOKEN_FILE: `${TOKEN_DIRECTORY}/${TOKEN_NAME}`,
    MESH_PROXY_TRUST_ROOTS: `${TOKEN_DIRECTORY}/${ROOTS_NAME}`,
    MESH_PROXY_OUTBOUND: `127.0.0.1:${options.outboundPort},[::1]:${options.outboundPort}`,
    MESH_PROXY_INBOUND: `${options.inboundPort}=original`,
    MESH_PROXY_INBOUND_TLS: options.inboundTls,
    MESH_PROXY_PROBES: probes.join(","),
    MESH_PROXY_ADMIN: `[::]:${options.adminPort}`,
    MESH_PROXY_TAP: `[::]:${options.tapPort}`,
    MESH_PROXY_TAP_TLS: "true",
    MESH_PROXY_OPAQUE_PORTS: options.opaquePorts.text,
    MESH_PROXY_WORKERS: String(options.workers),
    MESH_PROXY_LOG: options.logLevel,
    MESH_PROXY_LOG_FORMAT: options.logFormat,
    MESH_PROXY_DRAIN_TIMEOUT: drainTimeout(gracePeriod),
  };
  return [
    { name: "MESH_PROXY_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "MESH_PROXY_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
    { name: "MESH_PROXY_IPS", valueFrom: { fieldRef: { fieldPath: "status.podIPs" } } },
    ...Object.entries(values)
      .filter(([, value]) => value !== "")
      .map(([name, value]) => ({ name, value })),
  ];
}

/** The proxy takes no longer drain than a day. */
const LONGEST_DRAIN = 24 * 60 * 60;

/** A drain that is over five seconds before the pod's grace period is, of a short one after half of it. */
function drainTimeout(gracePeriod: number): string {
  const seconds = Math.min(LONGEST_DRAIN, Math.max(gracePeriod - 5, gracePeriod / 2));
  return seconds >= 1 ? `${Math.floor(seconds)}s` : "500ms";
}

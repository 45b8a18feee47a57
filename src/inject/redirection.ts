import type { IContainer } from "kubernetes-models/v1/Container";
import type { JsonObject } from "../manifest/index.js";
import { noApiToken } from "./api-token.js";
import { INIT_CONTAINER } from "./names.js";
import type { Options } from "./options.js";

/**
 * The container that leads the pod's connections to its sidecar: it writes rules of iptables, as root must, and ends.
 * @param probedPorts the pod's ports that are probed by connecting alone
 */
export function initContainer(options: Options, probedPorts: readonly number[]): JsonObject {
  return {
    name: INIT_CONTAINER,
    image: options.initImage,
    imagePullPolicy: options.imagePullPolicy,
    args: [...flags(options, probedPorts)],
    // The programs of iptables lock a file, which on a read-only root can only be in shared memory.
    env: [{ name: "XTABLES_LOCKFILE", value: "/dev/shm/xtables.lock" }],
    resources: {
      requests: { cpu: "10m", memory: "16Mi" },
      limits: { cpu: "100m", memory: "64Mi" },
    },
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [noApiToken],
  } satisfies IContainer;
}

function* flags(options: Options, probedPorts: readonly number[]): Generator<string> {
  yield `--proxy-uid=${options.proxyUid}`;
  yield `--outbound-port=${options.outboundPort}`;
  yield `--inbound-port=${options.inboundPort}`;
  yield `--tap-port=${options.tapPort}`;
  yield `--admin-port=${options.adminPort}`;
  if (options.skipInboundPorts.text) yield `--skip-inbound-ports=${options.skipInboundPorts.text}`;
  if (probedPorts.length > 0) yield `--probed-ports=${probedPorts.join(",")}`;
  if (options.skipOutboundPorts.text) yield `--skip-outbound-ports=${options.skipOutboundPorts.text}`;
  if (options.skipSubnets) yield `--skip-subnets=${options.skipSubnets}`;
  // It comes after a native sidecar, and before a plain one.
  if (options.nativeSidecar) yield `--wait-for=${options.waitForReady ? "ready" : "live"}`;
}

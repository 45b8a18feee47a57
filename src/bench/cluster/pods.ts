import { applyChanges, INJECT_LABEL, KNOWN_KINDS, type Layer, plan } from "../../inject/index.js";
import { imageOf, type Installation, sidecarOptions } from "../../install/index.js";
import type { KubernetesObject } from "../../kubernetes/index.js";
import type { Json } from "../../manifest/index.js";
import { Failure } from "../../output/index.js";
import type { LoadSettings } from "../report.js";
import type { PodOrder } from "./pod-message.js";
import { ADMIN_PORT, namesOf, PAST_THE_SIDECAR } from "./targets.js";

/** The label of everything that benches make; its value is the bench's name. */
export const BENCH_LABEL = "mesh.dev/bench";

/** The container whose log is the measurement. */
export const LOAD_CONTAINER = "load";

/** What a bench makes in a cluster. */
export interface BenchObjects {
  readonly services: readonly KubernetesObject[];
  readonly pods: readonly KubernetesObject[];
  /** Which of the pods loads. */
  readonly loadPod: string;
}

/** Where the services listen. */
const SERVICE_PORT = 8080;

/** Where mesh lies in the image of the control plane. */
const PROGRAMS = "/mesh/dist/src/bench/cluster";

/**
 * Two services without and with a sidecar, and a pod with a sidecar that calls them: the first past its sidecar and through it,
 * the second through both sidecars.
 * @param name what all names begin with
 * @param limitSeconds after how long the pods end by themselves
 * @throws Failure when the sidecar cannot be had
 */
export function benchObjects(
  name: string,
  namespace: string,
  settings: LoadSettings,
  limitSeconds: number,
  installation: Installation,
): BenchObjects {
  const { unmeshed, meshed, load } = namesOf(name);
  const order: PodOrder = { bench: name, settings };
  const backend = ["backend-pod.js", String(SERVICE_PORT), settings.protocol];
  const make = new Making(name, namespace, limitSeconds, installation);
  return {
    services: [unmeshed, meshed].map((service) => make.service(service)),
    pods: [
      make.pod(unmeshed, "backend", backend),
      make.withSidecar(make.pod(meshed, "backend", backend)),
      make.withSidecar(make.pod(load, LOAD_CONTAINER, ["load-pod.js", JSON.stringify(order)])),
    ].map(leftAlone),
    loadPod: load,
  };
}

/** The label by which a Service finds its pod. */
const POD_LABEL = "mesh.dev/bench-pod";

/** Connections to these ports leave the load's pod as if it had no sidecar. */
const PAST_LAYER: Layer = {
  given: { "skip-outbound-ports": `${PAST_THE_SIDECAR},${ADMIN_PORT}` },
  call: (option) => option,
};

/** A pod that the webhook gives no sidecar: it has one already, or must not have any. */
function leftAlone(pod: KubernetesObject): KubernetesObject {
  const labels = { ...pod.metadata.labels, [INJECT_LABEL]: "disabled" };
  return { ...pod, metadata: { ...pod.metadata, labels } };
}

/** Node.js is at another place in an image that Docker has built. */
const SEARCH_PATH = "/:/usr/local/bin:/usr/bin";

/** Objects of one bench. */
class Making {
  readonly #labels: Readonly<Record<string, string>>;

  constructor(
    bench: string,
    private readonly namespace: string,
    private readonly limitSeconds: number,
    private readonly installation: Installation,
  ) {
    this.#labels = { "app.kubernetes.io/name": "mesh-bench", [BENCH_LABEL]: bench };
  }

  /** The Service of the pod of the same name. */
  service(name: string): KubernetesObject {
    const port = (portName: string, number: number, targetPort: number) => ({
      name: portName,
      port: number,
      targetPort,
    });
    return {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: this.namespace, labels: this.#labels },
      spec: {
        selector: { [POD_LABEL]: name },
        ports: [
          port("service", 80, SERVICE_PORT),
          port("direct", PAST_THE_SIDECAR, SERVICE_PORT),
          port("admin", ADMIN_PORT, ADMIN_PORT),
        ],
      },
    } as KubernetesObject;
  }

  /** A pod that runs a program of this folder, and does no more when that has ended. */
  pod(name: string, container: string, [program = "", ...args]: readonly string[]): KubernetesObject {
    const { images } = this.installation.values;
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace: this.namespace,
        labels: { ...this.#labels, [POD_LABEL]: name },
      },
      spec: {
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 1,
        activeDeadlineSeconds: this.limitSeconds,
        automountServiceAccountToken: false,
        ...(images.pullSecrets.length > 0 && {
          imagePullSecrets: images.pullSecrets.map((secret) => ({ name: secret })),
        }),
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            name: container,
            image: imageOf("mesh-control-plane", this.installation),
            imagePullPolicy: images.pullPolicy,
            command: ["node", `${PROGRAMS}/${program}`, ...args],
            env: [{ name: "PATH", value: SEARCH_PATH }],
            ...(container !== LOAD_CONTAINER && {
              readinessProbe: { tcpSocket: { port: SERVICE_PORT }, periodSeconds: 1 },
            }),
            // No limit of CPU: what it holds back would be measured.
            resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
          },
        ],
      },
    } as KubernetesObject;
  }

  /** The pod as `mesh inject` would mesh it with the options of the installation. */
  withSidecar(pod: KubernetesObject): KubernetesObject {
    const object = pod as unknown as Json;
    const planned = plan(object, {
      kinds: KNOWN_KINDS,
      layers: [PAST_LAYER, sidecarOptions(this.installation)],
      version: this.installation.version,
      injectedBy: "mesh bench",
    });
    if (planned.outcome !== "injected") throw new Failure(`no sidecar: ${JSON.stringify(planned)}`);
    return applyChanges(object, planned.removals, planned.additions).object as unknown as KubernetesObject;
  }
}

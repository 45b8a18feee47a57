import { imageReference } from "../image-names/index.js";
import {
  BOOLEAN,
  choice,
  CPU,
  HOST_AND_PORT,
  IMAGE,
  MEMORY,
  PORT,
  PORTS,
  SUBNETS,
  type ValueType,
  wholeNumber,
} from "./value-type.js";

/** One thing that can be chosen about the sidecar, as a flag `--NAME` and as an annotation `config.mesh.dev/NAME`. */
export interface OptionDefinition<T> {
  readonly name: string;
  readonly type: ValueType<T>;
  /** The value when none is given, as a person would write it; `VERSION` stands for that of mesh. */
  readonly fallback: string;
  /** One sentence for help and documentation, without the default. */
  readonly meaning: string;
}

const option = <T>(
  name: string,
  type: ValueType<T>,
  fallback: string,
  meaning: string,
): OptionDefinition<T> => ({ name, type, fallback, meaning });

/** Every option of the sidecar. Flags, annotations, their checks and their documentation are made of this table. */
export const OPTIONS = {
  proxyImage: option("proxy-image", IMAGE, imageReference("mesh-proxy", "VERSION"), "Image of the sidecar."),
  initImage: option(
    "init-image",
    IMAGE,
    imageReference("mesh-init", "VERSION"),
    "Image of the init container.",
  ),
  imagePullPolicy: option(
    "image-pull-policy",
    choice("IfNotPresent", "Always", "Never"),
    "IfNotPresent",
    "When the images are pulled.",
  ),
  controlPlane: option(
    "control-plane",
    HOST_AND_PORT,
    "mesh-control-plane.mesh-system.svc:8086",
    "Where the sidecar learns of services.",
  ),
  nativeSidecar: option(
    "native-sidecar",
    BOOLEAN,
    "true",
    "The sidecar is an init container that goes on running (Kubernetes 1.29 and newer); false makes it a plain container.",
  ),
  cni: option(
    "cni",
    BOOLEAN,
    "false",
    "Add no init container: a CNI plugin redirects the pod's connections.",
  ),
  waitForReady: option(
    "wait-for-ready",
    BOOLEAN,
    "true",
    "The application starts once the sidecar has reached the control plane; false: once it runs. Without effect on a plain container.",
  ),
  skipInboundPorts: option(
    "skip-inbound-ports",
    PORTS,
    "",
    "Ports of the application that others reach without the sidecar.",
  ),
  skipOutboundPorts: option(
    "skip-outbound-ports",
    PORTS,
    "",
    "Ports that the application reaches without the sidecar.",
  ),
  skipSubnets: option(
    "skip-subnets",
    SUBNETS,
    "",
    "Networks that the application reaches, and is reached from, without the sidecar.",
  ),
  opaquePorts: option("opaque-ports", PORTS, "", "Ports whose connections are passed through unseen."),
  inboundTls: option(
    "inbound-tls",
    choice("permissive", "strict"),
    "permissive",
    "Whether the sidecar takes plain text from others: strict takes what is secured by the mesh alone, and the kubelet's probes.",
  ),
  logLevel: option("log-level", choice("error", "warn", "info", "debug"), "info", "What the sidecar logs."),
  logFormat: option("log-format", choice("text", "json"), "text", "How the sidecar logs."),
  workers: option("workers", wholeNumber("N", 1, 256), "1", "Threads of the sidecar that relay traffic."),
  cpuRequest: option("cpu-request", CPU, "10m", "Processor time that is set aside for the sidecar."),
  cpuLimit: option("cpu-limit", CPU, "1", "Processor time that the sidecar has at most."),
  memoryRequest: option("memory-request", MEMORY, "16Mi", "Memory that is set aside for the sidecar."),
  memoryLimit: option("memory-limit", MEMORY, "128Mi", "Memory that the sidecar has at most."),
  proxyUid: option(
    "proxy-uid",
    wholeNumber("UID", 1, 2147483647),
    "2102",
    "The user (and group) that the sidecar runs as, and nothing else in the pod.",
  ),
  outboundPort: option("outbound-port", PORT, "4140", "Where the sidecar takes what the application sends."),
  inboundPort: option(
    "inbound-port",
    PORT,
    "4143",
    "Where the sidecar takes what others send to the application.",
  ),
  tapPort: option("tap-port", PORT, "4190", "Where the control plane watches the sidecar's requests."),
  adminPort: option("admin-port", PORT, "4191", "The sidecar's metrics, probes and shutdown."),
} as const;

/** Which option is meant. */
export type OptionKey = keyof typeof OPTIONS;

type ValueOf<D> = D extends OptionDefinition<infer T> ? T : never;

/** A value for every option. */
export type Options = { readonly [K in OptionKey]: ValueOf<(typeof OPTIONS)[K]> };

/** The options in the order of the table. */
export const OPTION_LIST: readonly OptionDefinition<unknown>[] = Object.values(OPTIONS);

/** What annotations that set options begin with. */
export const OPTION_PREFIX = "config.mesh.dev/";

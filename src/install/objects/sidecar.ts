import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IContainer } from "kubernetes-models/v1/Container";
import {
  ADMIN_PORT_NAME,
  applyChanges,
  KNOWN_KINDS,
  type Layer,
  plan,
  PROXY_CONTAINER,
} from "../../inject/index.js";
import type { RelayedPort } from "../../installed-names/index.js";
import type { Json } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import { sidecarOptions } from "../sidecar-options.js";

/** What the sidecar of one of the mesh's own Deployments does. */
export interface SidecarWishes {
  /** The servers that it relays to. Probes of the containers are for the sidecar's ports. */
  readonly inbound: readonly RelayedPort[];
  /** Of those the ones that speak TLS alone, by which they prove themselves to who has no sidecar. */
  readonly ownTls?: readonly RelayedPort[];
  /** Where it learns of services; left out: at the control plane's Service. */
  readonly controlPlane?: string;
}

/**
 * The Deployment as `mesh inject` would mesh it, but for the redirection, whose rights the namespace's Pod Security does not give:
 * the servers listen on loopback, and the sidecar takes the connections that others make. Nobody taps it.
 */
export function withSidecar(
  deployment: IDeployment,
  wishes: SidecarWishes,
  installation: Installation,
): IDeployment {
  const object = deployment as unknown as Json;
  const planned = plan(object, {
    kinds: KNOWN_KINDS,
    layers: [ownLayer(wishes, installation), sidecarOptions(installation)],
    version: installation.version,
    injectedBy: "mesh install",
  });
  if (planned.outcome !== "injected") throw new Error(`no sidecar: ${JSON.stringify(planned)}`);
  const meshed = applyChanges(object, planned.removals, planned.additions).object as unknown as IDeployment;
  listenFor(wishes, sidecarIn(meshed));
  return meshed;
}

/** The control plane must not wait for a sidecar that waits for the control plane. */
const ownLayer = ({ controlPlane }: SidecarWishes, { values }: Installation): Layer => ({
  given: {
    cni: "true",
    "wait-for-ready": "false",
    "inbound-tls": values.controlPlane.inboundTls,
    ...(controlPlane !== undefined && { "control-plane": controlPlane }),
  },
  call: (option) => option,
});

function sidecarIn({ spec }: IDeployment): IContainer {
  const { initContainers = [], containers = [] } = spec?.template.spec ?? {};
  const sidecar = [...initContainers, ...containers].find(({ name }) => name === PROXY_CONTAINER);
  if (!sidecar) throw new Error("there is no sidecar");
  return sidecar;
}

/** What the plan could not know, as nothing is redirected. */
function listenFor({ inbound, ownTls = [] }: SidecarWishes, sidecar: IContainer): void {
  const changed: Readonly<Record<string, string>> = {
    MESH_PROXY_INBOUND: inbound.map((port) => `[::]:${port.sidecar}=127.0.0.1:${port.server}`).join(","),
    MESH_PROXY_PROBES: asServed(valueOf("MESH_PROXY_PROBES", sidecar), inbound),
    MESH_PROXY_TLS_PORTS: ownTls.map(({ server }) => server).join(","),
    MESH_PROXY_TAP: "off",
    MESH_PROXY_TAP_TLS: "",
  };
  const others = sidecar.env?.filter(({ name }) => !Object.hasOwn(changed, name)) ?? [];
  const given = Object.entries(changed).filter(([, value]) => value !== "");
  sidecar.env = [...others, ...given.map(([name, value]) => ({ name, value }))];
  sidecar.ports = sidecar.ports?.filter(({ name }) => name === ADMIN_PORT_NAME) ?? [];
}

const valueOf = (variable: string, { env = [] }: IContainer) =>
  env.find(({ name }) => name === variable)?.value ?? "";

/** The kubelet probes the sidecar's ports, and the sidecar knows probes by the servers'. */
const asServed = (probes: string, inbound: readonly RelayedPort[]) =>
  inbound.reduce((text, { sidecar, server }) => text.replaceAll(`${sidecar}:`, `${server}:`), probes);

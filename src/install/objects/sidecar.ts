import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import { applyChanges, KNOWN_KINDS, type Layer, plan, PROXY_CONTAINER } from "../../inject/index.js";
import type { Json } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import { sidecarOptions } from "../sidecar-options.js";

/** What the sidecar of one of the mesh's own Deployments does. */
export interface SidecarWishes {
  /** The server that it relays to, on loopback, and the port on which it takes connections for that. */
  readonly inbound: { readonly server: number; readonly sidecar: number };
  /** Where it learns of services; left out: at the control plane's Service. */
  readonly controlPlane?: string;
}

/**
 * The Deployment as `mesh inject` would mesh it, but for the redirection, whose rights the namespace's Pod Security does not give:
 * the server listens on loopback, and its sidecar takes the connections that others make.
 */
export function withSidecar(
  deployment: IDeployment,
  { inbound, controlPlane }: SidecarWishes,
  installation: Installation,
): IDeployment {
  const object = deployment as unknown as Json;
  const planned = plan(object, {
    kinds: KNOWN_KINDS,
    layers: [ownLayer(controlPlane), sidecarOptions(installation)],
    version: installation.version,
    injectedBy: "mesh install",
  });
  if (planned.outcome !== "injected") throw new Error(`no sidecar: ${JSON.stringify(planned)}`);
  const meshed = applyChanges(object, planned.removals, planned.additions).object as unknown as IDeployment;
  listenFor(inbound, meshed);
  return meshed;
}

/** The control plane must not wait for a sidecar that waits for the control plane. */
const ownLayer = (controlPlane: string | undefined): Layer => ({
  given: {
    cni: "true",
    "wait-for-ready": "false",
    ...(controlPlane !== undefined && { "control-plane": controlPlane }),
  },
  call: (option) => option,
});

function listenFor({ server, sidecar }: SidecarWishes["inbound"], { spec }: IDeployment): void {
  const { initContainers = [], containers = [] } = spec?.template.spec ?? {};
  const proxy = [...initContainers, ...containers].find(({ name }) => name === PROXY_CONTAINER);
  const variable = proxy?.env?.find(({ name }) => name === "MESH_PROXY_INBOUND");
  if (!variable) throw new Error("the sidecar has no MESH_PROXY_INBOUND");
  variable.value = `0.0.0.0:${sidecar}=127.0.0.1:${server}`;
}

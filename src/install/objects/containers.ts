import { createHash } from "node:crypto";
import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import type { IResourceRequirements } from "kubernetes-models/v1/ResourceRequirements";
import type { ISecurityContext } from "kubernetes-models/v1/SecurityContext";
import type { IVolume } from "kubernetes-models/v1/Volume";
import { imageReference, type MeshImage } from "../../image-names/index.js";
import type { Installation } from "../installation.js";
import type { ResourceValues } from "../values/index.js";
import { type PartName, selectorOf } from "../../installed-names/index.js";

const IMAGE_VALUES = {
  "mesh-control-plane": "controlPlane",
  "mesh-proxy": "proxy",
  "mesh-init": "init",
} as const satisfies Record<MeshImage, string>;

/** One of the project's images, as the values want it. */
export function imageOf(
  name: MeshImage,
  { values, version }: Pick<Installation, "values" | "version">,
): string {
  const { registry } = values.images;
  const { tag, digest } = values.images[IMAGE_VALUES[name]];
  const image = imageReference(name, tag || version, registry);
  return digest === "" ? image : `${image}@${digest}`;
}

/** Requests and limits; a limit that is empty is left out. */
export function resourcesOf({ requests, limits }: ResourceValues): IResourceRequirements {
  const held = Object.entries(limits).filter(([, amount]) => amount !== "");
  return { requests: { ...requests }, ...(held.length > 0 && { limits: Object.fromEntries(held) }) };
}

/** What Pod Security's profile "restricted" asks of a container, and a root that cannot be written. */
export const restricted = (user: number): ISecurityContext => ({
  runAsUser: user,
  runAsGroup: user,
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
});

/** Where the mesh's own pods run: spread over zones and nodes, as far as that can be. */
export function placement(part: PartName, { values }: Installation): Partial<IPodSpec> {
  const { nodeSelector, tolerations, images } = values;
  return {
    nodeSelector: { "kubernetes.io/os": "linux", ...nodeSelector },
    ...(tolerations.length > 0 && { tolerations: tolerations.map((one) => ({ ...one })) }),
    ...(images.pullSecrets.length > 0 && { imagePullSecrets: images.pullSecrets.map((name) => ({ name })) }),
    topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map(
      (topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "ScheduleAnyway" as const,
        labelSelector: { matchLabels: selectorOf(part) },
      }),
    ),
  };
}

const API_ACCESS = "api-access";

/** What a pod needs to talk to the API server, as a volume of its own: the sidecar beside it must not have it. */
export const apiAccessVolume: IVolume = {
  name: API_ACCESS,
  projected: {
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3600 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
};

/** Where clients of the API server look for it. */
export const apiAccessMount = {
  name: API_ACCESS,
  mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
  readOnly: true,
};

/** Changes when configuration changes, so that pods which read theirs only once are made anew. */
export const fingerprint = (...configuration: object[]): string =>
  createHash("sha256").update(JSON.stringify(configuration)).digest("hex").slice(0, 16);

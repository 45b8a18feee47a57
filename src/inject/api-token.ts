import type { IVolume } from "kubernetes-models/v1/Volume";
import type { IVolumeMount } from "kubernetes-models/v1/VolumeMount";
import { NO_API_TOKEN_VOLUME } from "./names.js";

/** Where Kubernetes mounts the token of the pod's service account into every container that has nothing there. */
const API_TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the mesh's containers have instead: what the application may do in the cluster is not for them. */
export const noApiToken = {
  name: NO_API_TOKEN_VOLUME,
  mountPath: API_TOKEN_DIRECTORY,
  readOnly: true,
} satisfies IVolumeMount;

/** The empty volume of the mount. */
export const noApiTokenVolume = { name: NO_API_TOKEN_VOLUME, emptyDir: {} } satisfies IVolume;

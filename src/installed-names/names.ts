/** The namespace of everything that the mesh runs. */
export const NAMESPACE = "mesh-system";

/** Holds the values of the installation: those that were given, and all that are in force. */
export const VALUES_CONFIG_MAP = "mesh-values";
export const GIVEN_VALUES_KEY = "given.yaml";
export const VALUES_KEY = "values.yaml";

/** Made and renewed by the control plane, unless the user brings one: the key that signs certificates of workloads. */
export const ISSUER_SECRET = "mesh-identity-issuer";
/** Made and renewed by the webhook: the certificate that it shows to the API server. */
export const WEBHOOK_SECRET = "mesh-webhook-certificate";
/** Kept by the control plane in every namespace: the certificates that proxies trust. */
export const TRUST_ROOTS_CONFIG_MAP = "mesh-trust-roots";
/** The certificates' key in it; PEM. */
export const TRUST_ROOTS_KEY = "ca.crt";

/** The parts that run, by what their objects are called. */
export const CONTROL_PLANE = "mesh-control-plane";
export const WEBHOOK = "mesh-webhook";
export const PROMETHEUS = "mesh-prometheus";
export const GRAFANA = "mesh-grafana";
export type PartName = typeof CONTROL_PLANE | typeof WEBHOOK | typeof PROMETHEUS | typeof GRAFANA;

/** On namespaces and pods: `enabled` or `disabled`. */
export const INJECT_LABEL = "mesh.dev/inject";

/** What stands on every object of an installation, and on none that the control plane makes. */
export const OWNED_BY_INSTALL = {
  "app.kubernetes.io/part-of": "mesh",
  "app.kubernetes.io/managed-by": "mesh",
} as const;

/** What stands on every object that the control plane makes. */
export const OWNED_BY_CONTROL_PLANE = {
  "app.kubernetes.io/name": CONTROL_PLANE,
  "app.kubernetes.io/part-of": "mesh",
} as const;

/** The labels of an object that belongs to a part. */
export function labelsOf(part: string, version: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": part,
    "app.kubernetes.io/instance": "mesh",
    "app.kubernetes.io/version": version,
    "app.kubernetes.io/component": part.replace(/^mesh-/, ""),
    ...OWNED_BY_INSTALL,
  };
}

/** The labels that select the pods of a part. */
export const selectorOf = (part: PartName): Record<string, string> => ({
  "app.kubernetes.io/name": part,
  "app.kubernetes.io/instance": "mesh",
});

/** The metadata of an object in the mesh's namespace. */
export function metadata(name: string, part: string, version: string) {
  return { name, namespace: NAMESPACE, labels: labelsOf(part, version) };
}

/** The metadata of an object of the whole cluster. */
export function clusterMetadata(name: string, part: string, version: string) {
  return { name, labels: labelsOf(part, version) };
}

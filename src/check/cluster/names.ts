// What an installation is called in a cluster.

/** The namespace of everything that the mesh runs. */
export const NAMESPACE = "mesh-system";

export const CONTROL_PLANE = "mesh-control-plane";
/** The webhook's deployment and service, and both webhook configurations. */
export const WEBHOOK = "mesh-webhook";
/** The values of the installation. */
export const VALUES = "mesh-values";

/** Secrets in cert-manager's format (tls.crt, tls.key, ca.crt). */
export const ISSUER_SECRET = "mesh-identity-issuer";
export const WEBHOOK_SECRET = "mesh-webhook-certificate";

export const CRD_GROUP = "mesh.dev";
/** The kinds of the mesh, as their CRDs name them. */
export const OWN_KINDS = ["externalservices", "servicepolicies", "trafficpermissions", "workloads"].map(
  (plural) => `${plural}.${CRD_GROUP}`,
);

/** On namespaces and pods: `enabled` or `disabled`. */
export const INJECT_LABEL = "mesh.dev/inject";
/** On meshed pods: the version that the sidecar is of. */
export const PROXY_VERSION_ANNOTATION = "mesh.dev/proxy-version";
/** The sidecar's container. */
export const PROXY_CONTAINER = "mesh-proxy";

/** On objects of an installation: the version that rendered them. */
export const VERSION_LABEL = "app.kubernetes.io/version";

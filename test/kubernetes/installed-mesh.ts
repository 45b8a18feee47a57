// The objects of a mesh that works, as an API server shows them.
import { certificateAuthority, type KeyPair, serverCertificate } from "./certificates.js";
import type { StoredObject } from "./cluster-state.js";

const NAMESPACE = "mesh-system";
const PARTS = ["mesh-control-plane", "mesh-webhook"];
const CRDS = ["externalservices", "servicepolicies", "trafficpermissions", "workloads"];
const RBAC = "rbac.authorization.k8s.io/v1";

/** Everything that the installation of a version holds once the control plane has started. */
export function installedMesh(version: string): StoredObject[] {
  const authority = certificateAuthority("mesh-webhook");
  const certificate = serverCertificate(authority, ["DNS:mesh-webhook.mesh-system.svc"]);
  const root = certificateAuthority("mesh");
  return [
    clusterWide("v1", "Namespace", NAMESPACE),
    ...CRDS.map((plural) => ({
      ...clusterWide("apiextensions.k8s.io/v1", "CustomResourceDefinition", `${plural}.mesh.dev`),
      status: { conditions: ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" })) },
    })),
    namespaced("v1", "ConfigMap", "mesh-values"),
    ...PARTS.flatMap((part) => [
      namespaced("v1", "ServiceAccount", part),
      clusterWide(RBAC, "ClusterRole", part),
      clusterWide(RBAC, "ClusterRoleBinding", part),
      namespaced(RBAC, "Role", part),
      namespaced(RBAC, "RoleBinding", part),
      namespaced("v1", "Service", part),
      deployment(part, version),
    ]),
    webhookConfiguration("MutatingWebhookConfiguration", authority),
    webhookConfiguration("ValidatingWebhookConfiguration", authority),
    keySecret("mesh-webhook-certificate", certificate, authority),
    keySecret("mesh-identity-issuer", root, root),
  ];
}

/** A Secret in cert-manager's format. */
export function keySecret(name: string, { certificate, key }: KeyPair, authority: KeyPair): StoredObject {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return {
    ...namespaced("v1", "Secret", name),
    type: "kubernetes.io/tls",
    data: { "tls.crt": base64(certificate), "tls.key": base64(key), "ca.crt": base64(authority.certificate) },
  };
}

/** A pod with a sidecar that is ready. */
export function meshedPod(namespace: string, name: string, version: string): StoredObject {
  const annotations = { "mesh.dev/proxy-version": version };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { "mesh.dev/meshed": "true" }, annotations },
    spec: { containers: [{ name: "app" }], initContainers: [{ name: "mesh-init" }, { name: "mesh-proxy" }] },
    status: { phase: "Running", initContainerStatuses: [{ name: "mesh-proxy", ready: true }] },
  };
}

/** A pod without. */
export function plainPod(namespace: string, name: string, labels: Record<string, string> = {}): StoredObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: "app" }] },
    status: { phase: "Running", containerStatuses: [{ name: "app", ready: true }] },
  };
}

/** A namespace, with its labels. */
export function namespace(name: string, labels: Record<string, string>): StoredObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

const clusterWide = (apiVersion: string, kind: string, name: string): StoredObject => ({
  apiVersion,
  kind,
  metadata: { name },
});

const namespaced = (apiVersion: string, kind: string, name: string): StoredObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: NAMESPACE },
});

function deployment(name: string, version: string): StoredObject {
  const matchLabels = { "app.kubernetes.io/name": name };
  const labels = {
    ...matchLabels,
    "app.kubernetes.io/part-of": "mesh",
    "app.kubernetes.io/version": version,
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { replicas: 1, selector: { matchLabels }, template: { spec: { containers: [{ name }] } } },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 },
  };
}

function webhookConfiguration(kind: string, authority: KeyPair): StoredObject {
  const caBundle = Buffer.from(authority.certificate).toString("base64");
  const service = { name: "mesh-webhook", namespace: NAMESPACE };
  return {
    ...clusterWide("admissionregistration.k8s.io/v1", kind, "mesh-webhook"),
    webhooks: [{ name: "namespace.inject.mesh.dev", clientConfig: { service, caBundle } }],
  };
}

// The objects of a mesh that works, as an API server shows them.
import { readInstallation, render } from "../../src/install/index.js";
import { certificateAuthority, type KeyPair, serverCertificate } from "./certificates.js";
import type { StoredObject } from "./cluster-state.js";

/** Everything that the installation of a version holds once the control plane has started. */
export function installedMesh(version: string): StoredObject[] {
  const installation = readInstallation({ files: [], sets: [], flags: {} }, version);
  if (!installation.ok) throw new Error(installation.error.join("\n"));
  const authority = certificateAuthority("mesh-webhook");
  const certificate = serverCertificate(authority, ["DNS:mesh-webhook.mesh-system.svc"]);
  const root = certificateAuthority("mesh");
  const rendered = render(installation.value) as unknown as readonly StoredObject[];
  return [
    ...rendered.map((object) => settled(object, authority)),
    keySecret("mesh-webhook-certificate", certificate, authority),
    keySecret("mesh-identity-issuer", root, root),
    rootsIn("shop", root),
  ];
}

/** An object after the cluster, and the webhook, have done with it what they do. */
function settled(object: StoredObject, authority: KeyPair): StoredObject {
  switch (object.kind) {
    case "CustomResourceDefinition": {
      const conditions = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True" }));
      return { ...object, status: { conditions } };
    }
    case "Deployment":
      return {
        ...object,
        status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1 },
      };
    case "MutatingWebhookConfiguration":
    case "ValidatingWebhookConfiguration":
      return {
        ...object,
        webhooks: (object["webhooks"] as Webhook[]).map((one) => withAuthority(one, authority)),
      };
    default:
      return object;
  }
}

interface Webhook {
  readonly clientConfig: object;
}

function withAuthority(webhook: Webhook, authority: KeyPair): Webhook {
  const caBundle = Buffer.from(authority.certificate).toString("base64");
  return { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } };
}

/** A namespace's copy of the roots. */
export const rootsIn = (where: string, { certificate }: KeyPair): StoredObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "mesh-trust-roots", namespace: where },
  data: { "ca.crt": certificate },
});

/** A Secret in cert-manager's format. */
export function keySecret(name: string, { certificate, key }: KeyPair, authority: KeyPair): StoredObject {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "mesh-system" },
    type: "kubernetes.io/tls",
    data: { "tls.crt": base64(certificate), "tls.key": base64(key), "ca.crt": base64(authority.certificate) },
  };
}

/** A pod with a sidecar that is ready. */
export function meshedPod(namespace: string, name: string, version: string): StoredObject {
  const annotations = { "mesh.dev/proxy-version": version };
  const env = [
    { name: "MESH_PROXY_TRUST_ROOTS", value: "/var/run/secrets/mesh.dev/roots.crt" },
    { name: "MESH_PROXY_TAP", value: "0.0.0.0:4190" },
    { name: "MESH_PROXY_TAP_TLS", value: "true" },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: { "mesh.dev/meshed": "true" }, annotations },
    spec: {
      containers: [{ name: "app" }],
      initContainers: [{ name: "mesh-proxy", env }, { name: "mesh-init" }],
    },
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

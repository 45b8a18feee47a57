import type { IMutatingWebhookConfiguration } from "kubernetes-models/admissionregistration.k8s.io/v1/MutatingWebhookConfiguration";
import type { IValidatingWebhookConfiguration } from "kubernetes-models/admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration";
import type { Installation } from "../installation.js";
import { clusterMetadata, INJECT_LABEL, NAMESPACE, WEBHOOK } from "../../installed-names/index.js";

/** The name of both configurations, into which the webhook writes the authority of its certificate. */
export const WEBHOOK_CONFIGURATION = "mesh-webhook";

const NAMESPACE_NAME = "kubernetes.io/metadata.name";
const NEVER_INJECTED = { key: NAMESPACE_NAME, operator: "NotIn", values: ["kube-system", NAMESPACE] };

/**
 * A pod gets its sidecar when its label says so, or when its namespace's does and the pod's does not say otherwise. Selectors know
 * no "or", so there are two webhooks, of which never both apply.
 */
export function mutatingWebhook(installation: Installation): IMutatingWebhookConfiguration {
  const newPods = {
    apiGroups: [""],
    apiVersions: ["v1"],
    operations: ["CREATE" as const],
    resources: ["pods"],
    scope: "Namespaced",
  };
  const common = {
    ...callOf(installation, "/inject"),
    rules: [newPods],
    reinvocationPolicy: "IfNeeded" as const,
  };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: clusterMetadata(WEBHOOK_CONFIGURATION, WEBHOOK, installation.version),
    webhooks: [
      {
        name: "namespace.inject.mesh.dev",
        ...common,
        namespaceSelector: {
          matchExpressions: [NEVER_INJECTED, { key: INJECT_LABEL, operator: "In", values: ["enabled"] }],
        },
        objectSelector: {
          matchExpressions: [{ key: INJECT_LABEL, operator: "NotIn", values: ["disabled"] }],
        },
      },
      {
        name: "pod.inject.mesh.dev",
        ...common,
        namespaceSelector: {
          matchExpressions: [NEVER_INJECTED, { key: INJECT_LABEL, operator: "NotIn", values: ["enabled"] }],
        },
        objectSelector: {
          matchExpressions: [{ key: INJECT_LABEL, operator: "In", values: ["enabled"] }],
        },
      },
    ],
  };
}

/** Refuses resources of the mesh that the schemas of their kinds let pass and that mean nothing. */
export function validatingWebhook(installation: Installation): IValidatingWebhookConfiguration {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: clusterMetadata(WEBHOOK_CONFIGURATION, WEBHOOK, installation.version),
    webhooks: [
      {
        name: "validate.mesh.dev",
        ...callOf(installation, "/validate"),
        rules: [
          {
            apiGroups: ["mesh.dev"],
            apiVersions: ["*"],
            operations: ["CREATE", "UPDATE"],
            resources: ["*"],
            scope: "Namespaced",
          },
        ],
        namespaceSelector: {},
        objectSelector: {},
      },
    ],
  };
}

/** Without caBundle: the webhook writes it, and applying this again leaves it there. */
function callOf({ values }: Installation, path: string) {
  const { failurePolicy, timeoutSeconds } = values.webhook;
  return {
    admissionReviewVersions: ["v1"],
    clientConfig: { service: { name: WEBHOOK, namespace: NAMESPACE, path, port: 443 } },
    failurePolicy,
    matchPolicy: "Equivalent" as const,
    sideEffects: "None" as const,
    timeoutSeconds,
  };
}

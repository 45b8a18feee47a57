import type { IServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import type { IClusterRole } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole";
import type { IClusterRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding";
import type { IPolicyRule } from "kubernetes-models/rbac.authorization.k8s.io/v1/PolicyRule";
import type { IRole } from "kubernetes-models/rbac.authorization.k8s.io/v1/Role";
import type { IRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding";
import type { Installation } from "../installation.js";
import {
  clusterMetadata,
  CONTROL_PLANE,
  GRAFANA,
  ISSUER_SECRET,
  metadata,
  NAMESPACE,
  type PartName,
  PROMETHEUS,
  TRUST_ROOTS_CONFIG_MAP,
  WEBHOOK,
  WEBHOOK_SECRET,
} from "../../installed-names/index.js";
import { grafanaIsInstalled } from "./grafana.js";
import { WEBHOOK_CONFIGURATION } from "./webhook-configurations.js";

type Rules = readonly IPolicyRule[];
const GROUP = "rbac.authorization.k8s.io";

/** The accounts of the mesh's parts, and what each may do. docs/rbac.md says why. */
export function accountsAndRoles(installation: Installation): object[] {
  const { values } = installation;
  const { prometheus, identity } = values;
  return [
    ...account(CONTROL_PLANE, installation),
    ...clusterRights(CONTROL_PLANE, controlPlaneClusterRules(), installation),
    ...rights(CONTROL_PLANE, controlPlaneRules(identity.issuer.secretName), installation),
    ...account(WEBHOOK, installation),
    ...clusterRights(WEBHOOK, webhookClusterRules(), installation),
    ...rights(WEBHOOK, webhookRules(), installation),
    ...(prometheus.enabled ? account(PROMETHEUS, installation) : []),
    ...(grafanaIsInstalled(values) ? account(GRAFANA, installation) : []),
  ];
}

const READ_ALL = ["list", "watch"];

const controlPlaneClusterRules = (): Rules => [
  { apiGroups: [""], resources: ["namespaces", "nodes", "pods", "services"], verbs: READ_ALL },
  {
    apiGroups: ["mesh.dev"],
    resources: ["externalservices", "servicepolicies", "trafficpermissions", "workloads"],
    verbs: READ_ALL,
  },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: READ_ALL },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  // A server-side apply names what it makes: so RBAC can hold it to the name.
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: [TRUST_ROOTS_CONFIG_MAP],
    verbs: ["list", "watch", "create", "patch"],
  },
];

const controlPlaneRules = (ownIssuer: string): Rules => [
  ...(ownIssuer === ""
    ? keptSecret(ISSUER_SECRET, ["get", "update"])
    : [{ apiGroups: [""], resources: ["secrets"], resourceNames: [ownIssuer], verbs: ["get"] }]),
];

const webhookClusterRules = (): Rules => [
  { apiGroups: [""], resources: ["namespaces"], verbs: READ_ALL },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
    resourceNames: [WEBHOOK_CONFIGURATION],
    verbs: ["get", "patch"],
  },
];

const webhookRules = (): Rules => keptSecret(WEBHOOK_SECRET, ["get", "update"]);

/** A Secret that a part makes for itself. RBAC cannot hold `create` to a name. */
const keptSecret = (name: string, verbs: string[]): Rules => [
  { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
  { apiGroups: [""], resources: ["secrets"], resourceNames: [name], verbs },
];

/** Tokens are mounted where they are needed, and into no other container of a pod. */
const account = (part: PartName, { version }: Installation): [IServiceAccount] => [
  {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadata(part, part, version),
    automountServiceAccountToken: false,
  },
];

const subjects = (part: PartName) => [{ kind: "ServiceAccount", name: part, namespace: NAMESPACE }];

function clusterRights(
  part: PartName,
  rules: Rules,
  { version }: Installation,
): [IClusterRole, IClusterRoleBinding] {
  return [
    {
      apiVersion: `${GROUP}/v1`,
      kind: "ClusterRole",
      metadata: clusterMetadata(part, part, version),
      rules: [...rules],
    },
    {
      apiVersion: `${GROUP}/v1`,
      kind: "ClusterRoleBinding",
      metadata: clusterMetadata(part, part, version),
      roleRef: { apiGroup: GROUP, kind: "ClusterRole", name: part },
      subjects: subjects(part),
    },
  ];
}

function rights(part: PartName, rules: Rules, { version }: Installation): [IRole, IRoleBinding] {
  return [
    {
      apiVersion: `${GROUP}/v1`,
      kind: "Role",
      metadata: metadata(part, part, version),
      rules: [...rules],
    },
    {
      apiVersion: `${GROUP}/v1`,
      kind: "RoleBinding",
      metadata: metadata(part, part, version),
      roleRef: { apiGroup: GROUP, kind: "Role", name: part },
      subjects: subjects(part),
    },
  ];
}

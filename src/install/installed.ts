import { type Cluster, ClusterFailure, CONFIG_MAPS, type ResourceType } from "../kubernetes/index.js";
import type { JsonObject } from "../manifest/index.js";
import { Failure } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import {
  GIVEN_VALUES_KEY,
  NAMESPACE,
  OWNED_BY_INSTALL,
  TRUST_ROOTS_CONFIG_MAP,
  VALUES_CONFIG_MAP,
} from "../installed-names/index.js";

interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const inNamespace = (apiVersion: string, kind: string, plural: string): Kind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});
const ofCluster = (apiVersion: string, kind: string, plural: string): Kind => ({
  apiVersion,
  kind,
  plural,
  namespaced: false,
});

/** Every kind that an installation has objects of, in the order in which they are best deleted. */
const KINDS: readonly Kind[] = [
  // First, so that they are not in the way of anybody's pods while the rest goes.
  ofCluster(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
  ),
  ofCluster(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
  ),
  inNamespace("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
  inNamespace("apps/v1", "Deployment", "deployments"),
  inNamespace("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  inNamespace("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  inNamespace("v1", "Service", "services"),
  inNamespace("v1", "ConfigMap", "configmaps"),
  inNamespace("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
  inNamespace("rbac.authorization.k8s.io/v1", "Role", "roles"),
  inNamespace("v1", "ServiceAccount", "serviceaccounts"),
  ofCluster("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
  ofCluster("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
  ofCluster("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
  ofCluster("v1", "Namespace", "namespaces"),
];

/** Every kind that an installation has objects of. */
export const INSTALLED_TYPES: readonly ResourceType[] = KINDS.map(typeOf);

/** An object as far as it takes to delete it. */
export interface ObjectName extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The values that the cluster's installation was given, as text. */
export async function installedValues(
  cluster: Cluster,
): Promise<Result<{ text: string; source: string }, Failure>> {
  const found = await cluster.get(CONFIG_MAPS, VALUES_CONFIG_MAP, NAMESPACE);
  if (!found.ok) return fail(found.error.kind === "not-found" ? notInstalled(cluster) : found.error);
  const text = found.value.data?.[GIVEN_VALUES_KEY];
  const source = `ConfigMap ${NAMESPACE}/${VALUES_CONFIG_MAP}, ${GIVEN_VALUES_KEY}`;
  if (text !== undefined) return ok({ text, source });
  return fail(
    new Failure(`${source}: there is no such key`, { hint: "mesh install -f FILE, with all values" }),
  );
}

/** Every object that an installation has put into the cluster, whatever its version, in an order for deleting. */
export async function installedObjects(cluster: Cluster): Promise<Result<ObjectName[], Failure>> {
  const lists = await Promise.all(KINDS.map((kind) => objectsOf(kind, cluster)));
  const objects: ObjectName[] = [];
  for (const list of lists) {
    if (!list.ok) return list;
    objects.push(...list.value);
  }
  return ok(objects);
}

/**
 * What `mesh uninstall` deletes; what is in the mesh's namespace goes with that. The roots in other namespaces come last: by then the control
 * plane has no right any more to write them anew.
 */
export async function objectsToUninstall(cluster: Cluster): Promise<Result<ObjectName[], Failure>> {
  const installed = await installedObjects(cluster);
  if (!installed.ok) return installed;
  const roots = await publishedRoots(cluster);
  if (!roots.ok) return roots;
  const ofCluster = installed.value.filter(({ metadata }) => metadata.namespace === undefined);
  const elsewhere = roots.value.filter(({ metadata }) => metadata.namespace !== NAMESPACE);
  const toDelete = [...ofCluster, ...elsewhere];
  return toDelete.length > 0 ? ok(toDelete) : fail(notInstalled(cluster));
}

/** The copies of the roots that the control plane has put into namespaces. */
async function publishedRoots(cluster: Cluster): Promise<Result<ObjectName[], ClusterFailure>> {
  const fieldSelector = `metadata.name=${TRUST_ROOTS_CONFIG_MAP}`;
  const found = await cluster.list(CONFIG_MAPS, { fieldSelector });
  if (!found.ok) return found;
  return ok(
    found.value.map(({ metadata: { name, namespace = "" } }) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
    })),
  );
}

/** The objects of an installation that are no part of what is installed now. */
export async function leftovers(
  cluster: Cluster,
  rendered: readonly JsonObject[],
): Promise<Result<ObjectName[], Failure>> {
  const installed = await installedObjects(cluster);
  if (!installed.ok) return installed;
  const current = new Set(rendered.map((object) => nameOf(object as ObjectName)));
  return ok(installed.value.filter((object) => !current.has(nameOf(object))));
}

/** The objects of what is rendered that are not in the cluster. */
export async function missing(
  cluster: Cluster,
  rendered: readonly JsonObject[],
): Promise<Result<ObjectName[], Failure>> {
  const installed = await installedObjects(cluster);
  if (!installed.ok) return installed;
  const there = new Set(installed.value.map(nameOf));
  return ok((rendered as readonly ObjectName[]).filter((object) => !there.has(nameOf(object))));
}

/** The version of an API may change while the object is the same. */
const nameOf = ({ apiVersion, kind, metadata }: ObjectName) =>
  [apiVersion.replace(/\/?[^/]+$/, ""), kind, metadata.namespace ?? "", metadata.name].join(" ");

async function objectsOf(kind: Kind, cluster: Cluster): Promise<Result<ObjectName[], ClusterFailure>> {
  const labelSelector = Object.entries(OWNED_BY_INSTALL)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  const scope = { labelSelector, ...(kind.namespaced && { namespace: NAMESPACE }) };
  const found = await cluster.list(typeOf(kind), scope);
  if (!found.ok) return found;
  return ok(
    found.value.map(({ metadata }) => ({
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata: { name: metadata.name, ...(kind.namespaced && { namespace: NAMESPACE }) },
    })),
  );
}

function typeOf({ apiVersion, plural, namespaced }: Kind): ResourceType {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return { group, version, plural, namespaced };
}

const notInstalled = ({ server, context }: Cluster) =>
  new Failure(`mesh is not installed in the cluster at ${server} (context ${context})`, {
    hint: "mesh install, or --context for another cluster",
  });

// What the API server has of the objects of some manifests, so that one can tell whether anything of it was changed.
import { kubectl } from "./administrator.js";

/** An object as the API server has it. */
export interface StoredObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly managedFields?: readonly { readonly subresource?: string }[];
  };
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  readonly status?: { readonly observedGeneration?: number };
}

/** Kinds whose status changes at any time, and with it their resourceVersion, without that anybody changed them. */
const LIVELY: ReadonlySet<string> = new Set(["Deployment", "PodDisruptionBudget"]);

/** The objects that manifests name; throws when one is missing. */
export async function storedObjects(manifests: string): Promise<StoredObject[]> {
  const list = await kubectl.run(["get", "-f", "-", "-o", "json", "--show-managed-fields"], manifests);
  const { items } = JSON.parse(list) as { items: StoredObject[] };
  return items;
}

/** An object without what changes by itself: two of these are equal when nobody has written to it in between. */
export function withoutStatus(object: StoredObject): object {
  if (!LIVELY.has(object.kind)) return object;
  const written = object.metadata.managedFields?.filter(({ subresource }) => subresource !== "status");
  const metadata = { ...object.metadata, resourceVersion: undefined, managedFields: written };
  return { ...object, status: undefined, metadata };
}

/** Whether the control plane has written what it writes into an object, and the cluster has seen the object's last change. */
export function isSettled({ webhooks = [], kind, metadata, status }: StoredObject): boolean {
  const isSeen = !LIVELY.has(kind) || status?.observedGeneration === metadata.generation;
  return isSeen && webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined);
}

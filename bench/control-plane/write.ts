import type { ApiClient } from "./api-client.js";
import type { BenchPod, BenchService, Content } from "./content.js";
import {
  controlPlanePod,
  meshedPodTemplate,
  nodeObject,
  podObject,
  type PodTemplate,
  runningPod,
  serviceObject,
  sliceObject,
} from "./objects.js";

/** The audience of the tokens by which proxies show who they are. */
const AUDIENCE = "mesh.dev";

/** Where what is written can be reached, on this machine. */
export interface Ports {
  /** Where each pod's sidecar gives its metrics. */
  readonly admin: number;
  /** Of the node. */
  readonly kubelet: number;
}

/** Writes all of a cluster's content, a pod of the control plane included; gives the token of each pod, by `namespace/name`. */
export async function writeContent(
  client: ApiClient,
  content: Content,
  ports: Ports,
): Promise<Map<string, string>> {
  await client.forAll(["mesh-system", ...content.namespaces], async (name) => {
    await client.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
    await client.create(`/api/v1/namespaces/${name}/serviceaccounts`, account);
  });
  await client.create("/api/v1/nodes", nodeObject(ports.kubelet));
  await writePod(client, "mesh-system", controlPlanePod(), "192.168.0.2");
  const tokens = await writePods(client, content.pods, meshedPodTemplate(ports.admin));
  await client.forAll([...content.services, content.shared], (service) => writeService(client, service));
  return tokens;
}

async function writePods(
  client: ApiClient,
  pods: readonly BenchPod[],
  template: PodTemplate,
): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  await client.forAll(pods, async (pod) => {
    const { namespace, name, ip } = pod;
    const { metadata } = await writePod(client, namespace, podObject(template, pod), ip);
    tokens.set(`${namespace}/${name}`, await podToken(client, pod, metadata.uid));
  });
  return tokens;
}

interface WrittenPod {
  readonly metadata: { readonly name: string; readonly uid: string };
}

/** Writes a pod that runs. */
async function writePod(client: ApiClient, namespace: string, pod: object, ip: string): Promise<WrittenPod> {
  const collection = `/api/v1/namespaces/${namespace}/pods`;
  const created = (await client.create(collection, pod)) as WrittenPod;
  await client.replace(`${collection}/${created.metadata.name}/status`, runningPod(created, ip));
  return created;
}

async function podToken(client: ApiClient, { namespace, name }: BenchPod, uid: string): Promise<string> {
  const answer = await client.create(`/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: [AUDIENCE], boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid } },
  });
  return (answer as { status: { token: string } }).status.token;
}

async function writeService(client: ApiClient, service: BenchService): Promise<void> {
  await client.create(`/api/v1/namespaces/${service.namespace}/services`, serviceObject(service));
  await client.create(slicesOf(service), sliceObject(service));
}

/** Moves the first endpoint of a service to another address. */
export function moveEndpoint(client: ApiClient, service: BenchService, ip: string): Promise<void> {
  return client.replace(`${slicesOf(service)}/${service.name}-1`, sliceObject(service, ip));
}

const slicesOf = ({ namespace }: BenchService) =>
  `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;

import type { Catalog, Instance } from "../../catalog/index.js";
import { isEndpointIp } from "../../mesh-kinds/index.js";
import type { InstanceSink } from "../definitions/index.js";
import type { Services } from "./services.js";

/**
 * The pods and the Workloads of a cluster in the catalog, one a namespace and name. Where a Workload has the name of a pod, the pod
 * is meant: a pod can prove its name. Keys are `namespace/name`.
 */
export class Instances implements InstanceSink {
  readonly #pods = new Set<string>();
  readonly #workloads = new Map<string, Instance>();

  constructor(
    private readonly catalog: Catalog,
    private readonly services: Services,
  ) {}

  putPod(key: string, pod: Instance): void {
    const isNew = !this.#pods.has(key);
    this.#pods.add(key);
    if (isNew && this.#workloads.has(key)) this.#publishWorkload(key);
    this.catalog.putInstance(pod);
  }

  removePod(key: string): void {
    if (this.#pods.delete(key)) this.#publishWorkload(key);
  }

  /** Of a Workload. */
  putInstance(workload: Instance): void {
    const key = keyOf(workload.namespace, workload.name);
    // Nothing holds it to addresses that nobody else has.
    this.#workloads.set(key, { ...workload, sharesAddresses: true });
    this.#publishWorkload(key);
  }

  /** Of a Workload. */
  removeInstance(namespace: string, name: string): void {
    const key = keyOf(namespace, name);
    this.#workloads.delete(key);
    this.#publishWorkload(key);
  }

  #publishWorkload(key: string): void {
    const declared = this.#workloads.get(key);
    const isOverruled = this.#pods.has(key);
    this.#report(key, declared ? findings(declared, isOverruled) : []);
    const workload = declared && { ...declared, addresses: declared.addresses.filter(isEndpointIp) };
    this.services.setWorkload(key, isOverruled ? undefined : workload);
    if (isOverruled) return;
    const [namespace = "", name = ""] = key.split("/");
    if (workload) this.catalog.putInstance(workload);
    else this.catalog.removeInstance(namespace, name);
  }

  #report(key: string, messages: string[]): void {
    const source = `workload ${key}`;
    this.catalog.problems.report(
      `${source} among others`,
      messages.map((message) => ({ source, line: 0, message })),
    );
  }
}

/** What keeps a Workload, or some of its addresses, from being used. */
function findings({ addresses }: Instance, isOverruled: boolean): string[] {
  const nobodys = addresses.filter((ip) => !isEndpointIp(ip));
  return [
    ...(isOverruled ? ["found the name of a pod; expected one of its own: the pod is meant"] : []),
    ...nobodys.map(
      (ip) => `its host has the loopback, link-local or multicast address ${ip}; it is left out for there`,
    ),
  ];
}

const keyOf = (namespace: string, name: string) => `${namespace}/${name}`;

import { canonicalIp, type Workload } from "../../catalog/index.js";
import type { WorkloadSpec } from "../../mesh-kinds/index.js";
import type { Definition, InstanceSink, ResourceName } from "./definition.js";

/** What a Workload says: a service instance outside Kubernetes. */
export interface WorkloadFacts {
  labels: Readonly<Record<string, string>>;
  spec: WorkloadSpec;
  /** Where its address stands. */
  addressLine: number;
}

/** Defines an instance at the address of a Workload, or at every address of its host. */
export function workloadDefinition(
  resource: ResourceName,
  { labels, spec, addressLine }: WorkloadFacts,
): Definition<InstanceSink> {
  const { namespace, name } = resource;
  const literal = canonicalIp(spec.address);
  const workload = ownerOf(spec, name);
  const ports = Object.fromEntries((spec.ports ?? []).map((port) => [port.name, port.port]));
  return {
    ...resource,
    hosts: literal === undefined ? new Map([[spec.address, addressLine]]) : new Map(),
    put(sink, addressesOf) {
      const addresses = literal === undefined ? [...addressesOf(spec.address)] : [literal];
      sink.putInstance({ namespace, name, workload, labels, addresses, ports });
    },
    remove: (sink) => sink.removeInstance(namespace, name),
  };
}

/** `spec.workload`, NAME or KIND/NAME: what the instance is a copy of; itself when it does not say. */
function ownerOf({ workload }: WorkloadSpec, instance: string): Workload {
  const [name = instance, kind = "workload"] = workload?.split("/").reverse() ?? [];
  return { kind, name };
}

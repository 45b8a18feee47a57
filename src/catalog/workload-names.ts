import type { Workload } from "./model.js";

/** What has a name of its own, and that of the workload which it is a copy of. */
export interface Named {
  readonly namespace: string;
  readonly name: string;
  readonly workload: Workload;
}

/** What somebody may call an instance by: its workload, or itself. */
export const workloadKeys = ({ namespace, name, workload }: Named): string[] => [
  workloadKey(namespace, workload.kind, workload.name),
  workloadKey(namespace, "pod", name),
  // Outside Kubernetes an instance is a Workload too.
  workloadKey(namespace, "workload", name),
];

/** @param kind in lower case */
export const workloadKey = (namespace: string, kind: string, name: string) => `${namespace}/${kind}/${name}`;

// The cluster that the tests of this folder use: the one of KUBECONFIG, or one that is started in the namespaces of this process.
import type { TestProject } from "vitest/node";
import { type ClusterAccess, startCluster } from "./machine/cluster.js";

declare module "vitest" {
  interface ProvidedContext {
    cluster: ClusterAccess;
  }
}

/** Gives the tests a cluster, and what is to be called after them. */
export default async function setup(project: TestProject): Promise<() => void> {
  const { KUBECONFIG: kubeconfig = "", CLUSTER_FOLDER = "", CLUSTER_CGROUP = "" } = process.env;
  if (kubeconfig !== "") {
    project.provide("cluster", { kubeconfig, kubectl: ["kubectl"] });
    return () => undefined;
  }
  const { access, stop } = await startCluster(CLUSTER_FOLDER, CLUSTER_CGROUP);
  project.provide("cluster", access);
  return stop;
}

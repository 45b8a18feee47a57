import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OWN_FAMILY } from "./addresses.js";
import { API_SERVER, startControlPlane } from "./control-plane.js";
import { Credentials } from "./credentials.js";
import { COREDNS_IMAGE } from "./images.js";
import { Kubectl } from "./kubectl.js";
import { makeNetwork } from "./network.js";
import { POD_NETWORK, startNode } from "./node.js";
import { enforcePolicies } from "./policies/enforcer.js";
import { compiled } from "./programs.js";

/** How an administrator reaches a cluster. */
export interface ClusterAccess {
  /** The path of a kubeconfig. */
  readonly kubeconfig: string;
  /** The words that are kubectl. */
  readonly kubectl: readonly string[];
  /** The processes of some of its programs, when they are on this machine: to be stopped for a while. */
  readonly pids?: { readonly apiServer: number; readonly kubelet: number };
}

/** A cluster that was started, and what ends that of it which is no process of its own. */
export interface StartedCluster {
  readonly access: ClusterAccess;
  readonly stop: () => void;
}

/**
 * Starts a Kubernetes of one node in this process's namespaces, and waits until it runs pods and its DNS answers.
 * @param cgroup the control group below which pods have theirs
 */
export async function startCluster(folder: string, cgroup: string): Promise<StartedCluster> {
  const credentials = new Credentials(join(folder, "credentials"));
  const access = {
    kubeconfig: credentials.kubeconfig(API_SERVER, "admin", ["system:masters"]),
    kubectl: [compiled("kube"), "kubectl"],
  };
  const kubectl = new Kubectl(access.kubectl, access.kubeconfig);
  makeNetwork();
  const apiServer = await startControlPlane(folder, credentials, kubectl);
  const kubelet = await startNode(folder, credentials, kubectl, cgroup);
  const stop = await enforcePolicies(access.kubeconfig, POD_NETWORK);
  await kubectl.run(["apply", "-f", "-"], coreDnsManifests());
  await kubectl.run(["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s"]);
  return { access: { ...access, pids: { apiServer: apiServer.pid, kubelet: kubelet.pid } }, stop };
}

const coreDnsManifests = () =>
  readFileSync(new URL("../coredns/manifests.yaml", import.meta.url), "utf8")
    .replace("COREDNS_IMAGE", COREDNS_IMAGE)
    .replace("DNS_IP", OWN_FAMILY.dns);

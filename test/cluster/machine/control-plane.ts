import { isIPv6 } from "node:net";
import { join } from "node:path";
import { CLUSTER_DOMAIN, ofFamilies, OWN_FAMILY } from "./addresses.js";
import type { Credentials } from "./credentials.js";
import type { Kubectl } from "./kubectl.js";
import { Part } from "./part.js";
import { compiled } from "./programs.js";

const KUBE = compiled("kube");
const ETCD = "http://127.0.0.1:2379";

/** Where the node's own programs find the API server. */
export const API_SERVER = "https://127.0.0.1:6443";

/**
 * Starts etcd, API server, controller manager and scheduler, and waits until they make service accounts: no pods without those.
 * Returns the API server.
 */
export async function startControlPlane(
  folder: string,
  credentials: Credentials,
  kubectl: Kubectl,
): Promise<Part> {
  new Part(folder, "etcd", [KUBE, "etcd", ...etcdArguments(folder)]);
  const apiServer = new Part(folder, "kube-apiserver", [
    KUBE,
    "kube-apiserver",
    ...apiServerArguments(credentials),
  ]);
  await apiServer.until(() => kubectl.succeeds("get", "--raw", "/readyz"));
  const manager = new Part(folder, "kube-controller-manager", [
    KUBE,
    "kube-controller-manager",
    ...managerArguments(credentials),
  ]);
  new Part(folder, "kube-scheduler", [
    KUBE,
    "kube-scheduler",
    ...alone(credentials.kubeconfig(API_SERVER, "system:kube-scheduler")),
  ]);
  await manager.until(() => kubectl.succeeds("get", "-n", "default", "serviceaccount", "default"));
  return apiServer;
}

function etcdArguments(folder: string): string[] {
  const peer = "http://127.0.0.1:2380";
  return [
    "--name=test",
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=test=${peer}`,
    // Nothing of it is kept.
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

function apiServerArguments(credentials: Credentials): string[] {
  return [
    `--etcd-servers=${ETCD}`,
    `--advertise-address=${OWN_FAMILY.node}`,
    `--bind-address=${isIPv6(OWN_FAMILY.node) ? "::" : "0.0.0.0"}`,
    "--secure-port=6443",
    `--service-cluster-ip-range=${ofFamilies("services")}`,
    `--client-ca-file=${credentials.path("ca.crt")}`,
    `--tls-cert-file=${credentials.path("apiserver.crt")}`,
    `--tls-private-key-file=${credentials.path("apiserver.key")}`,
    `--kubelet-certificate-authority=${credentials.path("ca.crt")}`,
    `--kubelet-client-certificate=${credentials.path("kubelet-client.crt")}`,
    `--kubelet-client-key=${credentials.path("kubelet-client.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--service-account-issuer=https://kubernetes.default.svc.${CLUSTER_DOMAIN}`,
    `--service-account-key-file=${credentials.path("accounts.pub")}`,
    `--service-account-signing-key-file=${credentials.path("accounts.key")}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--profiling=false",
  ];
}

function managerArguments(credentials: Credentials): string[] {
  return [
    ...alone(credentials.kubeconfig(API_SERVER, "system:kube-controller-manager")),
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${credentials.path("accounts.key")}`,
    `--root-ca-file=${credentials.path("ca.crt")}`,
    // After which the pods of a node that is silent are unready: 50 seconds otherwise. It renews its lease every three.
    "--node-monitor-grace-period=25s",
    // Otherwise an autoscaler looks every fifteen seconds.
    "--horizontal-pod-autoscaler-sync-period=3s",
  ];
}

/** What the controller manager and the scheduler have in common where there is one of each, and nobody asks them anything. */
const alone = (kubeconfig: string) => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  "--bind-address=127.0.0.1",
  "--secure-port=0",
  "--leader-elect=false",
];

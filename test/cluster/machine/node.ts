import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { CLUSTER_DOMAIN, FAMILIES, ofFamilies, OWN_FAMILY } from "./addresses.js";
import { API_SERVER } from "./control-plane.js";
import type { Credentials } from "./credentials.js";
import { importImages, PAUSE_IMAGE, SOCKET } from "./images.js";
import type { Kubectl } from "./kubectl.js";
import { BRIDGE } from "./network.js";
import { Part } from "./part.js";
import { compiled } from "./programs.js";

/** The node's name. */
export const NODE = "node1";

/** The name of the pods' network. */
export const POD_NETWORK = "pods";

const KUBE = compiled("kube");

/**
 * Starts what runs pods (containerd, kubelet) and what makes services reachable (kube-proxy), and waits until the node is ready.
 * Returns the kubelet.
 * @param cgroup the control group, from the root of each hierarchy, below which pods have theirs
 */
export async function startNode(
  folder: string,
  credentials: Credentials,
  kubectl: Kubectl,
  cgroup: string,
): Promise<Part> {
  const containerd = new Part(folder, "containerd", ["containerd", "--config", containerdConfig(folder)]);
  await containerd.until(() => isSuccess("ctr", "-a", SOCKET, "version"));
  await importImages(folder);
  const kubelet = new Part(folder, "kubelet", [
    KUBE,
    "kubelet",
    `--config=${kubeletConfig(folder, credentials, cgroup)}`,
    `--kubeconfig=${credentials.kubeconfig(API_SERVER, `system:node:${NODE}`, ["system:nodes"])}`,
    `--root-dir=${join(folder, "kubelet")}`,
    `--hostname-override=${NODE}`,
    `--node-ip=${ofFamilies("node")}`,
  ]);
  const proxy = new Part(folder, "kube-proxy", [
    KUBE,
    "kube-proxy",
    `--config=${proxyConfig(folder, credentials)}`,
  ]);
  const iptables = isIPv6(OWN_FAMILY.node) ? "ip6tables" : "iptables";
  await proxy.until(() => isSuccess(iptables, "-w", "-t", "nat", "-S", "KUBE-SERVICES"));
  await kubelet.until(() =>
    kubectl.succeeds("wait", "--for=condition=Ready", `node/${NODE}`, "--timeout=1s"),
  );
  return kubelet;
}

function containerdConfig(folder: string): string {
  const network = join(folder, "cni");
  mkdirSync(network);
  writeFileSync(join(network, "10-pods.conflist"), JSON.stringify(podNetwork()));
  // TOML takes JSON's strings.
  const quoted = JSON.stringify;
  return write(
    folder,
    "containerd.toml",
    `version = 2
root = ${quoted(join(folder, "containerd"))}
[grpc]
  address = ${quoted(SOCKET)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quoted(PAUSE_IMAGE)}
  # Root of a container or of a small virtual machine may not lower the score.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${quoted(network)}
`,
  );
}

/** In CNI's words: each pod on the bridge, reachable at its own service address too. */
const podNetwork = () => ({
  cniVersion: "1.0.0",
  name: POD_NETWORK,
  plugins: [
    {
      type: "bridge",
      bridge: BRIDGE,
      isGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ipam: {
        type: "host-local",
        ranges: FAMILIES.map(({ pods, node, firstPod }) => [
          { subnet: pods, gateway: node, rangeStart: firstPod },
        ]),
        routes: FAMILIES.map(({ everywhere }) => ({ dst: everywhere })),
      },
    },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
});

function kubeletConfig(folder: string, credentials: Credentials, cgroup: string): string {
  return writeConfig(folder, "kubelet.yaml", {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: credentials.path("ca.crt") },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: credentials.path("kubelet.crt"),
    tlsPrivateKeyFile: credentials.path("kubelet.key"),
    address: OWN_FAMILY.node,
    readOnlyPort: 0,
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroup,
    containerRuntimeEndpoint: `unix://${SOCKET}`,
    clusterDNS: [OWN_FAMILY.dns],
    clusterDomain: CLUSTER_DOMAIN,
    resolvConf: write(folder, "resolv.conf", ""),
    podLogsDir: join(folder, "pods"),
    volumePluginDir: join(folder, "volume-plugins"),
    // How often it brings a volume's new content to a pod: a minute otherwise, in which nothing happens.
    syncFrequency: "5s",
    // How long others take it to be there: with the controller manager's --node-monitor-grace-period.
    nodeLeaseDurationSeconds: 12,
    failSwapOn: false,
    oomScoreAdj: 0,
    maxOpenFiles: Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" })),
    // What is dropped cannot be pulled again, and a full disk is the machine's own affair.
    imageGCHighThresholdPercent: 100,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    // The kubelet does without what root may not set here.
    featureGates: { KubeletInUserNamespace: true },
  });
}

function proxyConfig(folder: string, credentials: Credentials): string {
  return writeConfig(folder, "kube-proxy.yaml", {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: credentials.kubeconfig(API_SERVER, "system:kube-proxy") },
    mode: "iptables",
    clusterCIDR: ofFamilies("pods"),
    hostnameOverride: NODE,
    oomScoreAdj: 0,
    // The table's size is that of the whole machine.
    conntrack: { maxPerCore: 0 },
  });
}

const writeConfig = (folder: string, name: string, content: object) =>
  write(folder, name, JSON.stringify(content));

function write(folder: string, name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function isSuccess(program: string, ...args: string[]): Promise<boolean> {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return Promise.resolve(true);
  } catch {
    return Promise.resolve(false);
  }
}

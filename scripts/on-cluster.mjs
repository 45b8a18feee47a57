// Runs something written for vitest on a Kubernetes: the one of KUBECONFIG, or one that is compiled and started here.
import { join } from "node:path";
import { runIsolated } from "./cluster-isolation.mjs";
import { compileCluster } from "./cluster-programs.mjs";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { root, run, StepFailed } from "./steps.mjs";

const DEBIAN_PACKAGES = {
  conntrack: ["conntrack"],
  containerd: ["containerd", "ctr"],
  "containernetworking-plugins": ["/usr/lib/cni/bridge", "/usr/lib/cni/host-local"],
  iproute2: ["ip"],
  iptables: ["iptables"],
  nftables: ["nft"],
  openssl: ["openssl"],
  procps: ["sysctl"],
  prometheus: ["/usr/bin/prometheus"],
  runc: ["runc"],
};

/**
 * Sets up what is missing, and runs vitest with a configuration that has test/cluster/setup.ts.
 * @param command the npm script that does this, for what to try instead
 */
export function runOnCluster(command, config, words) {
  const vitest = [join(root, "node_modules", ".bin", "vitest"), "run", "--config", config, ...words];
  if (process.env.KUBECONFIG) {
    setUp();
    run(vitest[0], vitest.slice(1));
    return;
  }
  if (process.getuid() !== 0) {
    throw new StepFailed("a node of Kubernetes needs root", `KUBECONFIG=FILE npm run ${command}`);
  }
  installDebianPackages(DEBIAN_PACKAGES, "a cluster");
  compileCluster();
  run(process.execPath, ["scripts/images.mjs"]);
  runIsolated(vitest);
}

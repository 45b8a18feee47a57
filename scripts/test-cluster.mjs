// Tests the mesh on a Kubernetes: npm run test:cluster [-- TEST]. On the one of KUBECONFIG, or on one that is compiled and started here.
import { join } from "node:path";
import { compileCluster } from "./cluster-programs.mjs";
import { runIsolated } from "./cluster-isolation.mjs";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { reportFailure, root, run, StepFailed } from "./steps.mjs";

const DEBIAN_PACKAGES = {
  conntrack: ["conntrack"],
  containerd: ["containerd", "ctr"],
  "containernetworking-plugins": ["/usr/lib/cni/bridge", "/usr/lib/cni/host-local"],
  iproute2: ["ip"],
  iptables: ["iptables"],
  openssl: ["openssl"],
  procps: ["sysctl"],
  runc: ["runc"],
};

const vitest = [
  join(root, "node_modules", ".bin", "vitest"),
  ...["run", "--config", "test/cluster/vitest.config.ts", ...process.argv.slice(2)],
];

try {
  if (process.env.KUBECONFIG) {
    setUp();
    run(vitest[0], vitest.slice(1));
  } else {
    if (process.getuid() !== 0) {
      throw new StepFailed("a node of Kubernetes needs root", "KUBECONFIG=FILE npm run test:cluster");
    }
    installDebianPackages(DEBIAN_PACKAGES, "the tests on a cluster");
    compileCluster();
    run(process.execPath, ["scripts/images.mjs"]);
    runIsolated(vitest);
  }
} catch (failure) {
  reportFailure(failure);
}

// Tests the mesh on a Kubernetes: npm run test:cluster [-- TEST].
import { runOnCluster } from "./on-cluster.mjs";
import { reportFailure } from "./steps.mjs";

try {
  runOnCluster("test:cluster", "test/cluster/vitest.config.ts", process.argv.slice(2));
} catch (failure) {
  reportFailure(failure);
}

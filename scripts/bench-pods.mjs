// Measures what a sidecar costs in the pods of a Kubernetes, and prints it as Markdown: npm run bench:pods.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runOnCluster } from "./on-cluster.mjs";
import { reportFailure, root } from "./steps.mjs";

try {
  runOnCluster("bench:pods", "test/cluster/measure.config.ts", process.argv.slice(2));
  process.stdout.write(readFileSync(join(root, ".cache", "bench-pods.md"), "utf8"));
} catch (failure) {
  reportFailure(failure);
}

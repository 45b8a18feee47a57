// Builds what is missing or old, and measures the control plane against a real API server: `npm run bench:control-plane -- [flags]`.
import { compileCluster } from "./cluster-programs.mjs";
import { setUp } from "./setup.mjs";
import { reportFailure, run } from "./steps.mjs";

try {
  setUp();
  compileCluster();
  run("cargo", ["build", "--release", "--locked", "--package", "discovery-streams"]);
  run(process.execPath, ["dist/bench/control-plane/main.js", ...process.argv.slice(2)]);
} catch (failure) {
  reportFailure(failure);
}

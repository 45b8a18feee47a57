// Tests the mesh on a Kubernetes: npm run test:cluster. On the one of KUBECONFIG, or on one that is compiled and started here.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { announce, outputOf, reportFailure, root, run, StepFailed } from "./steps.mjs";

const DEBIAN_PACKAGES = { openssl: ["openssl"] };

/** Compiles Kubernetes into .cache/cluster/kube when its sources are newer: six minutes the first time. */
function buildKubernetes() {
  const sources = join(root, "test", "cluster", "kubernetes");
  const program = join(root, ".cache", "cluster", "kube");
  const changed = Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs));
  if (existsSync(program) && statSync(program).mtimeMs >= changed) return;
  if (!outputOf("go", ["version"])) {
    throw new StepFailed(
      "go was not found: it compiles the Kubernetes of the tests",
      "KUBECONFIG=FILE npm run test:cluster",
    );
  }
  announce("compiling Kubernetes into .cache/cluster/ (several minutes the first time)");
  mkdirSync(join(root, ".cache", "cluster"), { recursive: true });
  run("go", ["build", "-p", "2", "-trimpath", "-ldflags", linkerFlags(sources), "-o", program, "."], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0" },
  });
}

/** The programs know their version only when it is linked into them. */
function linkerFlags(sources) {
  const version = outputOf("go", ["-C", sources, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"]);
  const [major, minor] = version.slice(1).split(".");
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  const named = Object.entries(values).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  return ["-s", "-w", ...named].join(" ");
}

try {
  installDebianPackages(DEBIAN_PACKAGES, "the tests on a cluster");
  setUp();
  if (!process.env.KUBECONFIG) buildKubernetes();
  run(join(root, "node_modules", ".bin", "vitest"), ["run", "--config", "test/cluster/vitest.config.ts"]);
} catch (failure) {
  reportFailure(failure);
}

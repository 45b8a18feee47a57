// Sets up all that a look into the loaded proxy needs, as far as it is missing, and takes it: `npm run bench:profile -- SUBJECT`.
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { reportFailure, run } from "./steps.mjs";

const DEBIAN_PACKAGES = {
  haproxy: ["haproxy"],
  iperf3: ["iperf3"],
  "linux-perf": ["perf"],
  "nghttp2-client": ["h2load"],
  "nginx-light": ["nginx"],
  strace: ["strace"],
  "util-linux": ["setpriv", "taskset"],
  wrk: ["wrk"],
};

try {
  setUp();
  installDebianPackages(DEBIAN_PACKAGES, "a look into the proxy");
  run("cargo", ["build", "--release", "--locked", "--package", "forwarding-floor"]);
  run(process.execPath, ["dist/bench/profile/main.js", ...process.argv.slice(2)]);
} catch (failure) {
  reportFailure(failure);
}

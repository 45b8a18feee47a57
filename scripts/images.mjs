// Builds the container images as OCI archives into dist/images/, without Docker: npm run images.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackages } from "./debian.mjs";
import { setUp } from "./setup.mjs";
import { buildStatic } from "./static-programs.mjs";
import { announce, reportFailure, root, run } from "./steps.mjs";

/** The Node.js that the control plane's image has; the npm package of that version is its binary. */
const NODE_VERSION = "24.21.0";

const DEBIAN_PACKAGES = {
  binutils: ["strip"],
  iptables: ["iptables-nft-restore", "iptables-legacy-restore"],
};

/** Installs the control plane's Node.js into .cache/ when it is missing, and gives its path, without symbols. */
function installNode() {
  const name = `node-linux-${process.arch}`;
  const home = join(root, ".cache", `image-node-${NODE_VERSION}`);
  const stripped = join(home, "node");
  if (!existsSync(stripped)) {
    announce(`installing Node.js ${NODE_VERSION} into .cache/ for the control plane's image`);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--no-audit", "--no-fund", `${name}@${NODE_VERSION}`], { cwd: home });
    run("strip", ["--strip-all", "-o", stripped, join(home, "node_modules", name, "bin", "node")]);
  }
  return stripped;
}

try {
  installDebianPackages(DEBIAN_PACKAGES, "the images");
  setUp();
  const programs = buildStatic();
  const node = installNode();
  announce("packing the images into dist/images/");
  const [proxy, init] = ["mesh-proxy", "mesh-init"].map((name) => join(programs, name));
  run(process.execPath, ["dist/images/main.js", join(root, "dist", "images"), proxy, init, node]);
} catch (failure) {
  reportFailure(failure);
}

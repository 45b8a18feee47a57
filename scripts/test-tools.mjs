// What only the tests need: programs from Debian's packages, and a second Node.js. Installs what is missing.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackages } from "./debian.mjs";
import { announce, root, run, StepFailed } from "./steps.mjs";

/** Programs that tests start, by the Debian package that has them. */
const DEBIAN_PACKAGES = {
  curl: ["curl"],
  iproute2: ["ip"],
  iptables: ["iptables-nft-restore", "iptables-legacy-restore"],
  openssl: ["openssl"],
  prometheus: ["prometheus", "promtool"],
  skopeo: ["skopeo"],
  zsh: ["zsh"],
};

/** The Node.js release, besides the user's own, that the TypeScript tests run on. */
const OTHER_NODE_MAJOR = 24;

/** Installs the Debian packages whose programs the tests need and miss. */
export const installTestPrograms = () => installDebianPackages(DEBIAN_PACKAGES, "the tests");

/** Path of a Node.js of the other release, installed into .cache/ when missing. */
export function installOtherNode() {
  const home = join(root, ".cache", `node-${OTHER_NODE_MAJOR}`);
  const node = join(home, "node_modules", "node", "bin", "node");
  if (!existsSync(node)) {
    announce(`installing Node.js ${OTHER_NODE_MAJOR} into .cache/ for the tests`);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--no-audit", "--no-fund", `node@${OTHER_NODE_MAJOR}`], { cwd: home });
  }
  if (!existsSync(node)) throw new StepFailed(`the npm package node@${OTHER_NODE_MAJOR} brought no ${node}`);
  return node;
}

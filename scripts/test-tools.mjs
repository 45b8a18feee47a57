// What only the tests need: programs from Debian's packages, and a second Node.js. Installs what is missing.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { announce, outputOf, root, run, StepFailed } from "./steps.mjs";

/** Programs that tests start, by the Debian package that has them. */
const DEBIAN_PACKAGES = {
  curl: ["curl"],
  iproute2: ["ip"],
  iptables: ["iptables-nft-restore", "iptables-legacy-restore"],
  prometheus: ["promtool"],
  zsh: ["zsh"],
};

/** The Node.js release, besides the user's own, that the TypeScript tests run on. */
const OTHER_NODE_MAJOR = 24;

const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin"];

const isInstalled = (program) =>
  [...(process.env.PATH || "").split(delimiter), ...SYSTEM_DIRECTORIES].some((directory) =>
    existsSync(join(directory, program)),
  );

/** The prefix of a command that must run as root; undefined when we may not become root. */
function rootPrefix() {
  if (process.getuid && process.getuid() === 0) return [];
  return outputOf("sudo", ["-n", "true"]) === undefined ? undefined : ["sudo", "-n"];
}

/** Installs packages without letting their services start, now or at the next boot. */
function aptInstall(packages, prefix) {
  const asRoot = (...words) => {
    const [command, ...args] = [...prefix, ...words];
    run(command, args);
  };
  const policy = "/usr/sbin/policy-rc.d";
  const addsPolicy = !existsSync(policy);
  // invoke-rc.d asks this program whether a package may start its service; 101 means no.
  if (addsPolicy) asRoot("sh", "-c", `printf '#!/bin/sh\\nexit 101\\n' > ${policy} && chmod 755 ${policy}`);
  try {
    asRoot("apt-get", "update", "-q");
    const aptGet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    asRoot(...aptGet, "install", "-q", "-y", "--no-install-recommends", ...packages);
    if (packages.includes("prometheus") && existsSync("/run/systemd/system")) {
      asRoot("systemctl", "disable", "--now", "prometheus");
    }
  } finally {
    if (addsPolicy) asRoot("rm", "-f", policy);
  }
}

/** Installs the Debian packages whose programs are missing; throws StepFailed naming them when it may not. */
export function installDebianPackages() {
  const missing = Object.keys(DEBIAN_PACKAGES).filter((name) => !DEBIAN_PACKAGES[name].every(isInstalled));
  if (missing.length === 0) return;
  const byHand = `apt-get install ${missing.join(" ")}`;
  if (!isInstalled("apt-get")) {
    throw new StepFailed(
      `the tests need the programs of Debian's packages ${missing.join(", ")}, which are missing`,
    );
  }
  const prefix = rootPrefix();
  if (!prefix) {
    throw new StepFailed(
      `the tests need Debian's packages ${missing.join(", ")}, and installing needs root`,
      byHand,
    );
  }
  announce(`installing Debian packages that tests need: ${missing.join(", ")}`);
  aptInstall(missing, prefix);
}

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

// Programs of Debian's packages: installs those that are missing, without letting a service start.
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { announce, outputOf, run, StepFailed } from "./steps.mjs";

/** Services that packages would start at the next boot. */
const SERVICES = {
  containerd: "containerd",
  haproxy: "haproxy",
  "nginx-light": "nginx",
  prometheus: "prometheus",
};

const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin"];

const isInstalled = (program) =>
  isAbsolute(program)
    ? existsSync(program)
    : [...(process.env.PATH || "").split(delimiter), ...SYSTEM_DIRECTORIES].some((directory) =>
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
    const services = packages.flatMap((name) => SERVICES[name] ?? []);
    if (services.length > 0 && existsSync("/run/systemd/system")) {
      asRoot("systemctl", "disable", "--now", ...services);
    }
  } finally {
    if (addsPolicy) asRoot("rm", "-f", policy);
  }
}

/**
 * Installs the packages whose programs are missing; throws StepFailed naming them when it may not.
 * @param {Record<string, string[]>} programs by the package that has them: names, or paths of what is in no PATH
 * @param {string} user who needs them, for messages
 */
export function installDebianPackages(programs, user) {
  const missing = Object.keys(programs).filter((name) => !programs[name].every(isInstalled));
  if (missing.length === 0) return;
  const byHand = `apt-get install ${missing.join(" ")}`;
  if (!isInstalled("apt-get")) {
    throw new StepFailed(
      `${user} need the programs of Debian's packages ${missing.join(", ")}, which are missing`,
    );
  }
  const prefix = rootPrefix();
  if (!prefix) {
    throw new StepFailed(
      `${user} need Debian's packages ${missing.join(", ")}, and installing needs root`,
      byHand,
    );
  }
  announce(`installing Debian packages that ${user} need: ${missing.join(", ")}`);
  aptInstall(missing, prefix);
}

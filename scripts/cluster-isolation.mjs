// Where the tests' Kubernetes lives: in namespaces and control groups of its own, so that the machine has nothing of it afterwards.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run } from "./steps.mjs";

const CGROUPS = "/sys/fs/cgroup";

/** Folders in which the cluster's programs keep things, whatever they are told. */
const PRIVATE = ["/run", "/var/lib", "/var/log"];

/**
 * Runs a command as the first process of new namespaces: when it ends, or this process does, everything that it started ends, and
 * their networks and mounts are gone. It has CLUSTER_FOLDER for files, and CLUSTER_CGROUP, a control group.
 */
export function runIsolated(command) {
  const folder = mkdtempSync(join(tmpdir(), "mesh-cluster-"));
  const cgroup = basename(folder);
  const mounts = PRIVATE.map((path) => `mount -t tmpfs tmpfs ${path}`);
  const inside = ["sh", "-c", [...mounts, 'exec "$@"'].join(" && "), "sh", ...command];
  const namespaces = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"];
  // Ctrl-C is for the command. This process waits for its end.
  const wait = () => undefined;
  process.on("SIGINT", wait);
  try {
    for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, cgroup));
    // Started by setpriv, it ends with this process, however that ends.
    run("setpriv", ["--pdeathsig", "KILL", "unshare", ...namespaces, "--", ...inside], {
      env: { ...process.env, CLUSTER_FOLDER: folder, CLUSTER_CGROUP: `/${cgroup}` },
    });
  } finally {
    process.off("SIGINT", wait);
    for (const hierarchy of hierarchies()) removeCgroup(join(hierarchy, cgroup));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The roots below which control groups are: one for each controller of the first version, or the one of the second. */
const hierarchies = () =>
  existsSync(join(CGROUPS, "cgroup.controllers")) ? [CGROUPS] : foldersIn(CGROUPS).filter(isOwnMount);

/** Other names of a hierarchy are links to it. */
const isOwnMount = (path) => statSync(path).dev !== statSync(CGROUPS).dev;

/** Removes a control group that has no processes, with those below it. */
function removeCgroup(path) {
  if (!existsSync(path)) return;
  foldersIn(path).forEach(removeCgroup);
  rmdirSync(path);
}

const foldersIn = (path) =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));

import { readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ImageContents } from "../contents.js";
import { addFile, addSame, type RootFilesystem } from "../root-filesystem.js";
import { addLibrariesOf, librariesOf } from "../shared-objects.js";

/** The programs of Debian's package iptables that mesh-init runs, by the one file that is all of them. */
const IPTABLES = {
  "/usr/sbin/xtables-nft-multi": ["iptables-nft", "ip6tables-nft"],
  "/usr/sbin/xtables-legacy-multi": ["iptables-legacy", "ip6tables-legacy"],
} as const;

/**
 * The step that redirects a pod's traffic: mesh-init, and both back ends of this machine's iptables with their libraries.
 * @param program mesh-init
 */
export function initContents(program: string): ImageContents {
  const root: RootFilesystem = new Map();
  addFile(root, "/mesh-init", program, true);
  addLibrariesOf(root, program);
  for (const [multi, families] of Object.entries(IPTABLES)) {
    addSame(root, multi);
    addLibrariesOf(root, multi);
    for (const name of families.flatMap((family) => [`${family}-save`, `${family}-restore`])) {
      addSame(root, join(dirname(multi), name));
    }
  }
  addExtensions(root);
  return {
    layers: [root],
    user: "0:0",
    entrypoint: ["/mesh-init"],
    // The root file system is read-only in a pod, where /dev/shm always is a file system in memory.
    environment: ["PATH=/usr/sbin", "XTABLES_LOCKFILE=/dev/shm/xtables.lock"],
  };
}

/**
 * What iptables loads to read and write matches and targets. All of them but those of ebtables and arptables, as iptables
 * cannot list rules that somebody else wrote with one that is missing.
 */
function addExtensions(root: RootFilesystem): void {
  const [multi = ""] = Object.keys(IPTABLES);
  const library = librariesOf(multi).find((path) => path.includes("/libxtables.so")) ?? "";
  const folder = join(dirname(realpathSync(library)), "xtables");
  for (const name of readdirSync(folder).filter((file) => /^lib(xt|ipt|ip6t)_/.test(file))) {
    addSame(root, join(folder, name));
  }
}

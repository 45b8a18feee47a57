import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageContents } from "../contents.js";
import { nodeRuntime } from "../node-runtime.js";
import { addFile, type RootFilesystem } from "../root-filesystem.js";

/** Not the sidecar's, which is 2102: the control plane has one. */
const CONTROL_PLANE_USER = "2103:2103";

/** Where mesh lies in the image. */
const HOME = "/mesh";

/** Files of packages that no program reads: types, source maps, prose, and addons for another runtime than Node.js. */
const USELESS = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow|bare|tsbuildinfo)$/i;

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/**
 * `mesh` on a Node.js of its own: the runtime in one layer, which stays the same from version to version, mesh in another.
 * @param clone the project's folder, built
 * @param node the Node.js to ship, stripped
 */
export function controlPlaneContents(clone: string, node: string): ImageContents {
  return {
    layers: [nodeRuntime(node), program(clone)],
    user: CONTROL_PLANE_USER,
    entrypoint: ["/node", `${HOME}/bin/mesh.js`],
    command: ["control-plane", "run"],
    // Without the last two the system is asked for them, which knows nothing of the user.
    environment: ["NODE_ENV=production", "HOME=/nonexistent", "SHELL=/nonexistent"],
  };
}

function program(clone: string): RootFilesystem {
  const root: RootFilesystem = new Map();
  const add = (path: string) => addFile(root, `${HOME}/${path}`, join(clone, path));
  for (const path of ["package.json", "oclif.manifest.json", "LICENSE"]) add(path);
  const { files } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8")) as { files: string[] };
  const left = files.filter((path) => path.startsWith("!")).map((path) => path.slice(1));
  for (const folder of files.filter((path) => !path.startsWith("!")))
    filesBelow(clone, folder, left).forEach(add);
  for (const folder of productionPackages(clone))
    filesBelow(clone, folder, [`${folder}/node_modules`]).forEach(add);
  return root;
}

/** The folders of the packages that the lock file has for production. */
function productionPackages(clone: string): string[] {
  const lock = JSON.parse(readFileSync(join(clone, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && dev !== true && devOptional !== true)
    .map(([path]) => path);
}

/** The useful files below a folder, but for those below other folders; all as paths from the clone. */
function filesBelow(clone: string, folder: string, except: readonly string[] = []): string[] {
  return readdirSync(join(clone, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return except.includes(path) ? [] : filesBelow(clone, path, except);
    return entry.isFile() && !USELESS.test(entry.name) ? [path] : [];
  });
}

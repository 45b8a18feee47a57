import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packImage } from "../../../images/oci-archive.js";
import { addFile, type RootFilesystem } from "../../../images/root-filesystem.js";
import { compiled } from "./programs.js";

/** Where containerd listens. */
export const SOCKET = "/run/containerd/containerd.sock";

/** What every pod has besides its containers. */
export const PAUSE_IMAGE = "registry.mesh.dev/test/pause:1";
export const COREDNS_IMAGE = "registry.mesh.dev/test/coredns:1";

const BUILT = fileURLToPath(new URL("../../../dist/images", import.meta.url));

/** Gives containerd every image that pods name: there is nowhere to pull from. */
export async function importImages(folder: string): Promise<void> {
  const archives = [
    await pack(folder, "pause", PAUSE_IMAGE),
    await pack(folder, "coredns", COREDNS_IMAGE),
    ...["mesh-proxy", "mesh-init", "mesh-control-plane", "mesh-samples"].map((name) =>
      join(BUILT, `${name}.tar`),
    ),
  ];
  for (const archive of archives) {
    execFileSync("ctr", ["-a", SOCKET, "-n", "k8s.io", "images", "import", archive]);
  }
}

/** Packs a compiled program, and gives the archive's path. */
async function pack(folder: string, program: "pause" | "coredns", reference: string): Promise<string> {
  const root: RootFilesystem = new Map();
  addFile(root, `/${program}`, compiled(program), true);
  const { archive } = await packImage({
    reference,
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    layers: [root],
    user: "0:0",
    entrypoint: [`/${program}`],
    environment: [],
    labels: {},
  });
  const path = join(folder, `${program}.tar`);
  writeFileSync(path, archive);
  return path;
}

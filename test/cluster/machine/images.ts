import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packImage } from "../../../images/oci-archive.js";
import { addFile, type RootFilesystem } from "../../../images/root-filesystem.js";
import { addLibrariesOf } from "../../../images/shared-objects.js";
import { readInstallation } from "../../../src/install/index.js";
import { compiled } from "./programs.js";

/** Where containerd listens. */
export const SOCKET = "/run/containerd/containerd.sock";

/** What every pod has besides its containers. */
export const PAUSE_IMAGE = "registry.mesh.dev/test/pause:1";
export const COREDNS_IMAGE = "registry.mesh.dev/test/coredns:1";

const BUILT = fileURLToPath(new URL("../../../dist/images", import.meta.url));

/** Debian's. */
const PROMETHEUS = "/usr/bin/prometheus";

/** Gives containerd every image that pods name: there is nowhere to pull from. */
export async function importImages(folder: string): Promise<void> {
  const prometheus = filesOf(PROMETHEUS);
  addLibrariesOf(prometheus, PROMETHEUS);
  const archives = [
    await pack(folder, PAUSE_IMAGE, filesOf(compiled("pause"))),
    await pack(folder, COREDNS_IMAGE, filesOf(compiled("coredns"))),
    await pack(folder, prometheusImage(), prometheus),
    ...["mesh-proxy", "mesh-init", "mesh-control-plane", "mesh-samples"].map((name) =>
      join(BUILT, `${name}.tar`),
    ),
  ];
  for (const archive of archives) {
    execFileSync("ctr", ["-a", SOCKET, "-n", "k8s.io", "images", "import", archive]);
  }
}

/** What an install calls Prometheus's image: Debian's program has that name here. */
function prometheusImage(): string {
  const read = readInstallation({ files: [], sets: [], flags: {} }, "0.0.0");
  if (!read.ok) throw new Error(read.error.join("\n"));
  return read.value.values.prometheus.image;
}

/** A program of this machine, in the folder of programs. */
function filesOf(program: string): RootFilesystem {
  const root: RootFilesystem = new Map();
  addFile(root, `/bin/${basename(program)}`, program, true);
  return root;
}

/** Packs files, the first of which is the program that runs, and gives the archive's path. */
async function pack(folder: string, reference: string, files: RootFilesystem): Promise<string> {
  const [program = ""] = files.keys();
  const { archive } = await packImage({
    reference,
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    layers: [files],
    user: "0:0",
    entrypoint: [program],
    environment: [],
    labels: {},
  });
  const path = join(folder, `${basename(program)}.tar`);
  writeFileSync(path, archive);
  return path;
}

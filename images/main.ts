// Packs the images of what is built: node dist/images/main.js OUT PROXY INIT NODE, run by scripts/images.mjs.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ImageName, imageReference } from "../src/image-names/index.js";
import { formatBytes, formatTable } from "../src/output/index.js";
import type { ImageContents } from "./contents.js";
import { controlPlaneContents } from "./control-plane/image.js";
import { initContents } from "./init/image.js";
import { packImage, type PackedImage } from "./oci-archive.js";
import { proxyContents } from "./proxy/image.js";
import { samplesContents } from "./samples/image.js";
import { librariesOf } from "./shared-objects.js";

/** What the sidecar's image may weigh, unpacked: it is on every node, and in memory as often as there are pods. */
const PROXY_BOUND = 8_000_000;

/** What each image is for, and what is in it. */
const IMAGES: readonly { name: ImageName; description: string; contents: (paths: Paths) => ImageContents }[] =
  [
    {
      name: "mesh-proxy",
      description: "The sidecar of the mesh",
      contents: ({ proxy }) => proxyContents(proxy),
    },
    {
      name: "mesh-init",
      description: "Redirects a pod's traffic to its sidecar",
      contents: ({ init }) => initContents(init),
    },
    {
      name: "mesh-control-plane",
      description: "The control plane of the mesh",
      contents: ({ clone, node }) => controlPlaneContents(clone, node),
    },
    {
      name: "mesh-samples",
      description: "The sample applications",
      contents: ({ clone, node }) => samplesContents(clone, node),
    },
  ];

interface Paths {
  readonly clone: string;
  readonly out: string;
  readonly proxy: string;
  readonly init: string;
  readonly node: string;
}

/** Go's names of the processors that images can be built on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Ends the build where an image is not what docs/images.md promises. */
function keepPromises({ proxy, init }: Paths, rows: readonly Row[]): void {
  for (const program of [proxy, init]) {
    if (librariesOf(program).length > 0) throw new Error(`${program} is not statically linked`);
  }
  const { unpacked = Infinity } = rows.find(({ name }) => name === "mesh-proxy")?.packed ?? {};
  if (unpacked > PROXY_BOUND) throw new Error(`the image mesh-proxy has ${formatBytes(unpacked)}`);
}

interface Row {
  readonly name: ImageName;
  readonly packed: PackedImage;
}

async function main([out = "", proxy = "", init = "", node = ""]: readonly string[]): Promise<void> {
  const clone = process.cwd();
  const paths: Paths = { clone, out, proxy, init, node };
  const { version, license } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8")) as {
    version: string;
    license: string;
  };
  mkdirSync(out, { recursive: true });
  const rows: Row[] = [];
  for (const { name, description, contents } of IMAGES) {
    const packed = await packImage({
      ...contents(paths),
      reference: imageReference(name, version),
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      labels: {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.description": description,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": license,
      },
    });
    writeFileSync(join(out, `${name}.tar`), packed.archive);
    rows.push({ name, packed });
  }
  keepPromises(paths, rows);
  console.log(
    formatTable(
      [
        { heading: "IMAGE", value: ({ name }) => imageReference(name, version) },
        { heading: "PULLED", align: "right", value: ({ packed }) => formatBytes(packed.compressed) },
        { heading: "UNPACKED", align: "right", value: ({ packed }) => formatBytes(packed.unpacked) },
        { heading: "DIGEST", value: ({ packed }) => packed.digest },
      ],
      rows,
    ),
  );
}

await main(process.argv.slice(2));

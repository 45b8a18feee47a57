// An image as an OCI archive: an image layout (https://github.com/opencontainers/image-spec, v1.1) in a tar.
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type RootFilesystem, tarOf } from "./root-filesystem.js";

/** An image before it is packed. */
export interface Image {
  /** The name that it has after a load: `registry.mesh.dev/mesh-proxy:0.1.0`. */
  readonly reference: string;
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Bottom first. */
  readonly layers: readonly RootFilesystem[];
  /** `uid:gid`, in numbers, so that Kubernetes can see that it is not root. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  /** Arguments that a pod's `args` replace. */
  readonly command?: readonly string[];
  /** `NAME=value` */
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A packed image. */
export interface PackedImage {
  readonly archive: Buffer;
  /** The manifest's digest, `sha256:…`: what a pod may name instead of a tag. */
  readonly digest: string;
  /** Bytes of the compressed layers: what a node pulls. */
  readonly compressed: number;
  /** Bytes of the unpacked layers. */
  readonly unpacked: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const MEDIA = "application/vnd.oci.image";
/** Time means nothing in an image whose bytes follow from its contents. */
const CREATED = "1970-01-01T00:00:00Z";
const compress = promisify(gzip);

/** Packs an image. The same image gives the same bytes, with the same version of Node.js (its zlib makes the layers). */
export async function packImage(image: Image): Promise<PackedImage> {
  const layout: RootFilesystem = new Map();
  const addBlob = (mediaType: string, content: Buffer): Descriptor => {
    const digest = digestOf(content);
    layout.set(`/blobs/sha256/${digest.slice("sha256:".length)}`, {
      kind: "file",
      content,
      executable: false,
    });
    return { mediaType, digest, size: content.length };
  };
  const packed = await Promise.all(image.layers.map(packLayer));
  const layers = packed.map(({ compressed }) => addBlob(`${MEDIA}.layer.v1.tar+gzip`, compressed));
  const diffIds = packed.map(({ diffId }) => diffId);
  const config = addBlob(`${MEDIA}.config.v1+json`, json(configOf(image, diffIds)));
  const manifest = addBlob(
    `${MEDIA}.manifest.v1+json`,
    json({
      schemaVersion: 2,
      mediaType: `${MEDIA}.manifest.v1+json`,
      config,
      layers,
      annotations: { ...image.labels, "org.opencontainers.image.created": CREATED },
    }),
  );
  addText(layout, "/oci-layout", { imageLayoutVersion: "1.0.0" });
  addText(layout, "/index.json", indexOf(image.reference, manifest));
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  return {
    archive: await tarOf(layout),
    digest: manifest.digest,
    compressed: sum(layers.map(({ size }) => size)),
    unpacked: sum(packed.map(({ unpacked }) => unpacked)),
  };
}

interface PackedLayer {
  readonly compressed: Buffer;
  /** The digest of the layer before it is compressed. */
  readonly diffId: string;
  readonly unpacked: number;
}

/** Layers that several images share are compressed once. */
const packedLayers = new WeakMap<RootFilesystem, Promise<PackedLayer>>();

function packLayer(layer: RootFilesystem): Promise<PackedLayer> {
  const packing = packedLayers.get(layer) ?? packNewLayer(layer);
  packedLayers.set(layer, packing);
  return packing;
}

async function packNewLayer(layer: RootFilesystem): Promise<PackedLayer> {
  const tar = await tarOf(layer);
  return { compressed: await compress(tar, { level: 9 }), diffId: digestOf(tar), unpacked: tar.length };
}

function configOf(image: Image, diffIds: readonly string[]): object {
  return {
    created: CREATED,
    architecture: image.architecture,
    os: "linux",
    config: {
      User: image.user,
      Env: image.environment,
      Entrypoint: image.entrypoint,
      ...(image.command !== undefined && { Cmd: image.command }),
      WorkingDir: "/",
      Labels: image.labels,
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created: CREATED, created_by: "npm run images" })),
  };
}

function indexOf(reference: string, manifest: Descriptor): object {
  // The second is what `ctr images import` takes for the name.
  const annotations = {
    "org.opencontainers.image.ref.name": reference,
    "io.containerd.image.name": reference,
  };
  return {
    schemaVersion: 2,
    mediaType: `${MEDIA}.index.v1+json`,
    manifests: [{ ...manifest, annotations }],
  };
}

const json = (value: object) => Buffer.from(JSON.stringify(value));

function addText(layout: RootFilesystem, path: string, value: object): void {
  layout.set(path, { kind: "file", content: json(value), executable: false });
}

const digestOf = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

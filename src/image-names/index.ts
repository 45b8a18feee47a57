// What the project's container images are called: one place for the build, the injector and the install.

/** The images that the mesh runs. */
export type MeshImage = "mesh-proxy" | "mesh-init" | "mesh-control-plane";

/** The images that the project builds: those, and the sample applications'. */
export type ImageName = MeshImage | "mesh-samples";

/** Where images come from when nobody says otherwise; `mesh install` and `mesh inject` take another. */
export const DEFAULT_REGISTRY = "registry.mesh.dev";

/** A registry's host, which may be followed by a port, or the first part of a name. With capitals it is a host to some programs, and none to others. */
const HOST = "(?:\\[[0-9a-f:]+\\]|[a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::[0-9]{1,5})?";
/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests: no upper case. */
const PATH = "[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*";
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";

/** Where images are: `registry.example.com:5000/mesh`, and what a registry takes no other than. */
export const REGISTRY_NAME = new RegExp(`^${HOST}(?:/${PATH})?$`);

/** An image, with a registry, a tag and a digest where they are given. */
export const IMAGE_NAME = new RegExp(`^(?:${HOST}/)?${PATH}(?::${TAG})?(?:@sha256:[0-9a-f]{64})?$`);

/** `registry.mesh.dev/mesh-proxy:0.1.0`: how a pod names the image of a version of mesh. */
export function imageReference(image: ImageName, version: string, registry = DEFAULT_REGISTRY): string {
  return `${registry}/${image}:${version}`;
}

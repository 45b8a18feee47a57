// What the project's container images are called: one place for the build, the injector and the install.

/** The images that the mesh runs. */
export type MeshImage = "mesh-proxy" | "mesh-init" | "mesh-control-plane";

/** The images that the project builds: those, and the sample applications'. */
export type ImageName = MeshImage | "mesh-samples";

/** Where images come from when nobody says otherwise; `mesh install` and `mesh inject` take another. */
export const DEFAULT_REGISTRY = "registry.mesh.dev";

/** `registry.mesh.dev/mesh-proxy:0.1.0`: how a pod names the image of a version of mesh. */
export function imageReference(image: ImageName, version: string, registry = DEFAULT_REGISTRY): string {
  return `${registry}/${image}:${version}`;
}

import type { Image } from "./oci-archive.js";

/** What differs between the images of one version. */
export type ImageContents = Pick<Image, "layers" | "user" | "entrypoint" | "command" | "environment">;

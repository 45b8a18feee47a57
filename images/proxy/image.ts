import type { ImageContents } from "../contents.js";
import { addFile, type RootFilesystem } from "../root-filesystem.js";
import { addLibrariesOf } from "../shared-objects.js";

/** The user of the sidecar: mesh-init leaves its traffic alone. */
const PROXY_USER = "2102:2102";

/**
 * The sidecar: one binary and nothing else, when it is statically linked; else with its libraries.
 * @param program mesh-proxy
 */
export function proxyContents(program: string): ImageContents {
  const root: RootFilesystem = new Map();
  addFile(root, "/mesh-proxy", program, true);
  addLibrariesOf(root, program);
  return { layers: [root], user: PROXY_USER, entrypoint: ["/mesh-proxy"], environment: [] };
}

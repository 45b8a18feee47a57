import { addFile, type RootFilesystem } from "./root-filesystem.js";
import { addLibrariesOf } from "./shared-objects.js";

const made = new Map<string, RootFilesystem>();

/**
 * Node.js as /node, with its libraries: a layer that images share, and that stays the same from version to version.
 * @param node the Node.js to ship, stripped
 */
export function nodeRuntime(node: string): RootFilesystem {
  const known = made.get(node);
  if (known !== undefined) return known;
  const root: RootFilesystem = new Map();
  addFile(root, "/node", node, true);
  addLibrariesOf(root, node);
  made.set(node, root);
  return root;
}

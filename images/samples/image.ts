import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ImageContents } from "../contents.js";
import { nodeRuntime } from "../node-runtime.js";
import { addFile, type RootFilesystem } from "../root-filesystem.js";

/** Neither the sidecar's nor the control plane's: applications have one of their own. */
const SAMPLES_USER = "2104:2104";

/**
 * The programs of samples/, all in one image; a pod's `args` name one: `market/web.js`.
 * @param clone the project's folder, built
 * @param node the Node.js to ship, stripped
 */
export function samplesContents(clone: string, node: string): ImageContents {
  return {
    layers: [nodeRuntime(node), programs(join(clone, "dist", "samples"))],
    user: SAMPLES_USER,
    entrypoint: ["/node"],
    environment: ["NODE_ENV=production"],
  };
}

function programs(folder: string): RootFilesystem {
  const root: RootFilesystem = new Map();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".js")) addFile(root, `/${file}`, join(folder, file));
  }
  const asModules = Buffer.from('{ "type": "module" }\n');
  root.set("/package.json", { kind: "file", content: asModules, executable: false });
  return root;
}

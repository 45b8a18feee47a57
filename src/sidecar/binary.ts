import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Failure } from "../output/index.js";

// dist/src/sidecar and src/sidecar (under vitest) lie at different depths below the package's root.
const root = new URL(import.meta.url.includes("/dist/") ? "../../../" : "../../", import.meta.url);

/** Where a build leaves the proxy, and where a package has it. */
const PLACES = ["target/release/mesh-proxy", "bin/mesh-proxy"];

/**
 * Path of the proxy's binary: MESH_PROXY_BINARY when it is set, else the one of this clone or package.
 * @throws Failure when there is none
 */
export function findProxyBinary(env: NodeJS.ProcessEnv = process.env): string {
  const named = env["MESH_PROXY_BINARY"];
  if (named) {
    if (existsSync(named)) return named;
    throw new Failure(`MESH_PROXY_BINARY names ${named}, which does not exist`, {
      hint: "the path of a mesh-proxy binary, or unset it",
    });
  }
  const found = PLACES.map((place) => fileURLToPath(new URL(place, root))).find((path) => existsSync(path));
  if (found) return found;
  throw new Failure(
    `the proxy's binary is missing: there is no ${PLACES.join(" or ")} in ${fileURLToPath(root)}`,
    {
      hint: "npm run build, or MESH_PROXY_BINARY=PATH",
    },
  );
}

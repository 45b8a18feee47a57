import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Failure } from "../output/index.js";

// dist/src/sidecar and src/sidecar (under vitest) lie at different depths below the package's root.
const root = new URL(import.meta.url.includes("/dist/") ? "../../../" : "../../", import.meta.url);

/** Where a build leaves programs, and where a package has them. */
const PLACES = ["target/release", "bin"];

/**
 * Path of the proxy's binary: MESH_PROXY_BINARY when it is set, else the one of this clone or package.
 * @throws Failure when there is none
 */
export function findProxyBinary(env: NodeJS.ProcessEnv = process.env): string {
  return find("mesh-proxy", "the proxy's binary", "MESH_PROXY_BINARY", env);
}

/**
 * Path of the binary that writes the redirection: MESH_INIT_BINARY when it is set, else the one of this clone or package.
 * @throws Failure when there is none
 */
export function findInitBinary(env: NodeJS.ProcessEnv = process.env): string {
  return find("mesh-init", "the binary that writes the redirection", "MESH_INIT_BINARY", env);
}

function find(program: string, what: string, variable: string, env: NodeJS.ProcessEnv): string {
  const named = env[variable];
  if (named) {
    if (existsSync(named)) return named;
    throw new Failure(`${variable} names ${named}, which does not exist`, {
      hint: `the path of a ${program} binary, or unset it`,
    });
  }
  const places = PLACES.map((place) => `${place}/${program}`);
  const found = places.map((place) => fileURLToPath(new URL(place, root))).find((path) => existsSync(path));
  if (found) return found;
  throw new Failure(`${what} is missing: there is no ${places.join(" or ")} in ${fileURLToPath(root)}`, {
    hint: `npm run build, or ${variable}=PATH`,
  });
}

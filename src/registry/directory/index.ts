import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Catalog } from "../../catalog/index.js";
import { Failure } from "../../output/index.js";
import { fail, ok, type Result } from "../../result/index.js";
import { Definitions } from "../definitions/index.js";
import { Follower } from "./follower.js";
import { reasonOf } from "./tree.js";

/** How long the start waits for host names: proxies that come back must not be told of fewer endpoints than they knew. */
const FIRST_ANSWERS_MS = 2_000;

/** A directory that is being read into a catalog. */
export interface DirectoryRegistry {
  /** Ends the watch; what was read stays in the catalog. */
  stop(): Promise<void>;
}

/**
 * Reads a directory of service and workload files into the catalog and follows its changes. Mistakes in files are problems of
 * the catalog; only a directory that is not there is a failure.
 */
export async function startDirectoryRegistry(
  directory: string,
  catalog: Catalog,
): Promise<Result<DirectoryRegistry, Failure>> {
  const failure = await whyNot(directory);
  if (failure) return fail(failure);
  const definitions = new Definitions(catalog, catalog.problems);
  const follower = new Follower(resolve(directory), catalog, definitions);
  await follower.start();
  await definitions.resolved(FIRST_ANSWERS_MS);
  return ok({
    async stop() {
      await follower.stop();
      definitions.stop();
    },
  });
}

async function whyNot(directory: string): Promise<Failure | undefined> {
  try {
    if ((await stat(directory)).isDirectory()) return undefined;
    return new Failure(`--directory ${directory}: not a directory`);
  } catch (error) {
    const missing = reasonOf(error) === "ENOENT";
    return new Failure(
      `--directory ${directory}: ${missing ? "no such directory" : `cannot be read (${reasonOf(error)})`}`,
      missing ? { hint: `mkdir -p ${directory}/disco` } : {},
    );
  }
}

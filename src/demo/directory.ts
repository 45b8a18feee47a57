import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a directory of ours, which is gone when it is removed by what it adds to `stops`, or when the process ends. */
export function makeDirectory(stops: (() => unknown)[]): string {
  const directory = mkdtempSync(join(tmpdir(), "mesh-demo-"));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Also when the process ends without having stopped the mesh.
  process.once("exit", remove);
  stops.push(() => {
    process.off("exit", remove);
    remove();
  });
  return directory;
}

import { execFileSync } from "node:child_process";
import { addSame, type RootFilesystem } from "./root-filesystem.js";

/** Adds the libraries of this machine that a program needs, and the loader, each at its own path. */
export function addLibrariesOf(root: RootFilesystem, program: string): void {
  for (const library of librariesOf(program)) addSame(root, library);
}

/** The paths of the libraries that a program needs, and of the loader; none for one that is statically linked. */
export function librariesOf(program: string): string[] {
  // A line is `name => /path (0x…)`, and for the loader `/path (0x…)`.
  const printed = execFileSync("ldd", [program], { encoding: "utf8", env: { LC_ALL: "C" } });
  const missing = /^\s*(\S+) => not found/m.exec(printed)?.[1];
  if (missing !== undefined) throw new Error(`${program} needs ${missing}, which this machine does not have`);
  return [...printed.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].flatMap(([, path]) => path ?? []);
}

import { basename, delimiter, dirname, isAbsolute, relative } from "node:path";

/** How the reader of our output can call `mesh` from the folder we were started in: `mesh` itself, or the path of its file. */
export function invocation(
  program = process.argv[1] ?? "mesh",
  path = process.env["PATH"] ?? "",
  folder = process.cwd(),
): string {
  if (basename(program) === "mesh" && path.split(delimiter).includes(dirname(program))) return "mesh";
  const fromHere = relative(folder, program);
  const shorter = fromHere.startsWith("..") || isAbsolute(fromHere) ? program : `./${fromHere}`;
  return shorter.replace(/\.js$/, "");
}

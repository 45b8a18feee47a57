import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// dist/src/install and src/install (under vitest) lie at different depths below the package's root.
const folder = new URL(
  import.meta.url.includes("/dist/") ? "../../../templates/" : "../../templates/",
  import.meta.url,
);

/** The text of a file of templates/. */
export const template = (path: string): string => readFileSync(new URL(path, folder), "utf8");

/** The names of the files in a folder of templates/, sorted. */
export const templatesIn = (path: string): string[] =>
  readdirSync(fileURLToPath(new URL(path, folder))).sort();

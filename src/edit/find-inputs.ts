import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { Failure } from "../output/index.js";
import type { Input } from "./input.js";
import { explainSystemError } from "./system-error.js";

const EXTENSIONS: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);

/**
 * What a command line's words stand for: files, folders, http(s) addresses, `-` for standard input; standard input when there is no
 * word. Of a folder its manifests in alphabetical order, those of folders in it when `recursive`.
 * @throws Failure with status 2 when standard input is asked for twice
 */
export async function findInputs(words: readonly string[], recursive: boolean): Promise<Input[]> {
  if (words.length === 0) return [{ kind: "stdin" }];
  const inputs: Input[] = [];
  for (const word of words) inputs.push(...(await inputsOf(word, recursive)));
  if (inputs.filter(({ kind }) => kind === "stdin").length > 1) {
    throw new Failure("standard input can be read only once", { hint: "a single -", exitStatus: 2 });
  }
  return inputs;
}

async function inputsOf(word: string, recursive: boolean): Promise<Input[]> {
  if (word === "-") return [{ kind: "stdin" }];
  if (/^https?:\/\//i.test(word)) return [{ kind: "url", url: word }];
  try {
    if (!(await stat(word)).isDirectory()) return [{ kind: "file", path: word }];
    const paths = await manifestsIn(word, recursive);
    if (paths.length > 0) return paths.map((path) => ({ kind: "file", path }));
    const failure = new Failure(`${word} has no .yaml, .yml or .json file`, {
      ...(!recursive && { hint: `-R ${word}, which looks into its folders too` }),
    });
    return [{ kind: "nothing", word, failure }];
  } catch (error) {
    return [{ kind: "nothing", word, failure: explainSystemError(error, `${word} cannot be read`) }];
  }
}

async function manifestsIn(folder: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (recursive) found.push(...(await manifestsIn(path, recursive)));
    } else if (EXTENSIONS.has(extname(entry.name).toLowerCase()) && (await leadsToFile(entry, path))) {
      found.push(path);
    }
  }
  return found;
}

/** True for a link that leads nowhere too: reading it then tells. */
async function leadsToFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile();
  return stat(path).then(
    (target) => target.isFile(),
    () => true,
  );
}

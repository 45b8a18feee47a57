import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

/** What stands at a path of an image. Everything belongs to root and has the same time, so that only contents count. */
export type Entry =
  | { readonly kind: "file"; readonly content: Buffer; readonly executable: boolean }
  | { readonly kind: "symlink"; readonly target: string }
  | { readonly kind: "directory" };

/** The files of a layer, by absolute path. The folders above them are made. */
export type RootFilesystem = Map<string, Entry>;

/** Puts a file of this machine at `path`; what a symbolic link points to, not the link. */
export function addFile(root: RootFilesystem, path: string, source: string, executable = false): void {
  root.set(path, { kind: "file", content: readFileSync(source), executable });
}

/** Puts the file `path` of this machine at the same path, with every symbolic link on the way to it. */
export function addSame(root: RootFilesystem, path: string): void {
  const link = firstLink(path);
  if (link === undefined) {
    addFile(root, path, path, (lstatSync(path).mode & 0o111) !== 0);
    return;
  }
  const target = readlinkSync(link);
  root.set(link, { kind: "symlink", target });
  addSame(root, resolve(dirname(link), target) + path.slice(link.length));
}

/** The first of the path's folders, or the path itself, that is a symbolic link: `/lib64` where /usr is merged. */
function firstLink(path: string): string | undefined {
  const names = path.split("/").slice(1);
  return names
    .map((_, index) => `/${names.slice(0, index + 1).join("/")}`)
    .find((prefix) => lstatSync(prefix).isSymbolicLink());
}

/** The files as an uncompressed tar: the same files give the same bytes. */
export function tarOf(root: RootFilesystem): Promise<Buffer> {
  const tar = pack();
  for (const [path, entry] of withParents(root)) {
    const header = { name: path.slice(1), mtime: new Date(0), uid: 0, gid: 0 };
    switch (entry.kind) {
      case "file":
        tar.entry({ ...header, mode: entry.executable ? 0o755 : 0o644 }, entry.content);
        break;
      case "symlink":
        tar.entry({ ...header, type: "symlink", linkname: entry.target, mode: 0o777 });
        break;
      case "directory":
        tar.entry({ ...header, name: `${header.name}/`, type: "directory", mode: 0o755 });
    }
  }
  tar.finalize();
  return buffer(tar);
}

/** Every entry and every folder above one, sorted, so that a folder comes before what is in it. */
function withParents(root: RootFilesystem): [string, Entry][] {
  const all: RootFilesystem = new Map(root);
  for (const path of root.keys()) {
    for (let folder = dirname(path); folder !== "/"; folder = dirname(folder)) {
      if (!all.has(folder)) all.set(folder, { kind: "directory" });
    }
  }
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

import type { Dirent, BigIntStats } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";

/** The files of a directory at one moment. */
export interface Tree {
  /** By path; the signature is another whenever the content may be another. */
  files: Map<string, { signature: string }>;
  /** Directories that could not be read, and why. Nothing is known of what is in them. */
  unreadable: Map<string, string>;
}

/** Lists what lies below `root`, following links. Calls `visit` for each directory before it is read. */
export async function readTree(
  root: string,
  visit: (directory: string, identity: string) => void,
): Promise<Tree> {
  const tree: Tree = { files: new Map(), unreadable: new Map() };

  async function walk(directory: string, above: readonly string[]): Promise<void> {
    try {
      const stats = await stat(directory, { bigint: true });
      const identity = identityOf(stats);
      // A link to a directory above would never end.
      if (above.includes(identity)) return;
      visit(directory, identity);
      const entries = await readdir(directory, { withFileTypes: true });
      await Promise.all(
        entries
          .filter(({ name }) => !isTemporary(name))
          .map((entry) => take(join(directory, entry.name), entry, [...above, identity])),
      );
    } catch (error) {
      if (directory === root || !isGone(error)) tree.unreadable.set(directory, reasonOf(error));
    }
  }

  async function take(path: string, entry: Dirent, above: readonly string[]): Promise<void> {
    if (entry.isDirectory()) return walk(path, above);
    const stats = await stat(path, { bigint: true }).catch((error: unknown) => {
      if (!isGone(error)) tree.unreadable.set(path, reasonOf(error));
      return undefined;
    });
    if (stats?.isDirectory()) return walk(path, above);
    if (!stats?.isFile()) return;
    if (entry.isSymbolicLink()) await visitTarget(path);
    tree.files.set(path, { signature: signatureOf(stats) });
  }

  /** What a link leads to may change in place, elsewhere. */
  async function visitTarget(path: string): Promise<void> {
    const target = await realpath(path).catch(() => undefined);
    if (target === undefined) return;
    const directory = dirname(target);
    const stats = await stat(directory, { bigint: true }).catch(() => undefined);
    if (stats) visit(directory, identityOf(stats));
  }

  await walk(root, []);
  return tree;
}

/** Whether a path that was known lies in something that could not be read. */
export function isUnknown(path: string, { unreadable }: Tree): boolean {
  for (const place of unreadable.keys()) if (path === place || path.startsWith(place + sep)) return true;
  return false;
}

export function signatureOf(stats: BigIntStats): string {
  return `${identityOf(stats)} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

/** Why a file or directory could not be read, in a word. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

export const isGone = (error: unknown) => ["ENOENT", "ENOTDIR"].includes(reasonOf(error));

/** The time of birth tells a file from a later one that was given the same number. */
const identityOf = ({ dev, ino, birthtimeNs }: BigIntStats) => `${dev}:${ino}:${birthtimeNs}`;

/** Files that editors and "write, then rename" leave for a moment, and everything hidden. */
const isTemporary = (name: string) =>
  name.startsWith(".") || name.endsWith("~") || /^#.*#$/.test(name) || /\.(sw[a-p]|tmp)$/.test(name);

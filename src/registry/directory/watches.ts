import { watch, type FSWatcher } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/** Notices that something may have changed in a directory tree. It may miss things (network file systems do). */
export class Watches {
  private readonly byDirectory = new Map<string, { identity: string; watcher: FSWatcher }>();
  private readonly visited = new Set<string>();
  private readonly above: FSWatcher | undefined;

  /** `root` itself may go and come back, so the directory above it is watched too. */
  constructor(
    root: string,
    private readonly changed: () => void,
  ) {
    const name = basename(resolve(root));
    this.above = open(dirname(resolve(root)), (file) => {
      if (file === name) changed();
    });
  }

  /** Watches a directory from now on; `identity` tells a directory from another that took its name. */
  visit(directory: string, identity: string): void {
    this.visited.add(directory);
    const known = this.byDirectory.get(directory);
    if (known?.identity === identity) return;
    known?.watcher.close();
    this.byDirectory.delete(directory);
    const watcher = open(directory, () => this.changed());
    if (watcher) this.byDirectory.set(directory, { identity, watcher });
  }

  /** Ends the watches of directories that were not visited since the last call. */
  prune(): void {
    for (const [directory, { watcher }] of this.byDirectory) {
      if (this.visited.has(directory)) continue;
      watcher.close();
      this.byDirectory.delete(directory);
    }
    this.visited.clear();
  }

  close(): void {
    this.above?.close();
    for (const { watcher } of this.byDirectory.values()) watcher.close();
    this.byDirectory.clear();
  }
}

/** Undefined where the system has no more watches to give, or the directory is gone: polling must do. */
function open(directory: string, changed: (file: string | null) => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, (_event, file) => changed(file));
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Starts a module of this folder as a Node process of its own, with a message channel. Such a module ends by itself when the
 * channel closes (`liveWithParent`), so that it never outlives this process, however that ends. Its standard error is ours.
 */
export function startChild(module: string, ...args: string[]): ChildProcess {
  return fork(fileURLToPath(new URL(module, import.meta.url)), args, {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: [],
  });
}

/** Ends a child, and resolves when it has gone. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  if (child.connected) child.disconnect();
  await gone;
}

/** Makes this process, started with `startChild`, end with its parent, and leave it to the parent to act on Ctrl-C. */
export function liveWithParent(atEnd: () => void = () => undefined): void {
  const end = () => {
    atEnd();
    process.exit(0);
  };
  process.on("SIGINT", () => undefined);
  process.on("disconnect", end);
  // The parent may have gone before anyone listened.
  if (!process.connected) end();
}

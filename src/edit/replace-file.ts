import { randomBytes } from "node:crypto";
import { chmod, chown, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { explainSystemError } from "./system-error.js";

/**
 * Gives a file another text, wholly or not at all: whoever reads it meanwhile sees the old one or the new one. Links are followed;
 * mode and, where that is allowed, owner stay.
 * @throws Failure that says why; the file is then as it was
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  let temporary: string | undefined;
  try {
    const target = await realpath(path);
    const { mode, uid, gid } = await stat(target);
    temporary = join(dirname(target), `.mesh-${randomBytes(6).toString("hex")}.tmp`);
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Another owner than oneself is a right of root's alone.
    await chown(temporary, uid, gid).catch(() => undefined);
    await chmod(temporary, mode & 0o7777);
    await rename(temporary, target);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    throw explainSystemError(error, `${path} cannot be written`);
  }
}

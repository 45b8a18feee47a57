const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

/** Why a file could not be read, in a few words. */
export function fileTrouble(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return TROUBLES[code] ?? error.message.split("\n")[0] ?? "";
}

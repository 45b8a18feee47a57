import { Failure } from "../output/index.js";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "there is no such file",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ELOOP: "its links lead in a circle",
  ENOSPC: "no space is left",
  EROFS: "the file system is read-only",
  EMFILE: "too many files are open",
  EIO: "input/output error",
};

/** What the system refused, in words. Errors that are not the system's are thrown again. */
export function explainSystemError(error: unknown, what: string): Failure {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") throw error;
  return new Failure(`${what}: ${REASONS[error.code] ?? error.code}`);
}

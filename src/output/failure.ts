import { escapeControls } from "./text.js";

/** The exit status of a command: 1 the thing failed, 2 it was asked for in a wrong way. */
export type ExitStatus = 1 | 2;

/** Why a command ends without having done what it was asked: what happened and to what, and what to try. */
export class Failure extends Error {
  readonly hint: string | undefined;
  readonly exitStatus: ExitStatus;

  constructor(message: string, { hint, exitStatus = 1 }: { hint?: string; exitStatus?: ExitStatus } = {}) {
    super(message);
    this.name = "Failure";
    this.hint = hint;
    this.exitStatus = exitStatus;
  }
}

/** A failure as a command prints it on standard error: a line `error: …`, and a line `try: …` when there is a hint. */
export function formatFailure(failure: Failure): string {
  const error = `error: ${escapeControls(failure.message)}`;
  return failure.hint === undefined ? error : `${error}\ntry: ${escapeControls(failure.hint)}`;
}

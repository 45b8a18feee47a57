import { Config, Errors, run as runOclif, settings } from "@oclif/core";
import { formatFailure } from "../output/index.js";
import { explain } from "./explanation.js";

/**
 * Runs a command line and sets the exit status: 0 done, 1 failed, 2 wrong usage.
 *
 * @param argv the words after `mesh`
 * @param root the package's folder, where package.json is
 */
export async function runCli(argv: string[], root: string): Promise<void> {
  outliveReaderOfErrors();
  settings.enableAutoTranspile = false;
  const words = argv[0] === "help" ? [...argv.slice(1), "--help"] : argv;
  let config: Config | undefined;
  // Above all a write that failed in the background: a full disk, for example.
  process.once("uncaughtException", (error) => {
    report(error, words, config);
    process.exit();
  });
  try {
    config = await Config.load(root);
    await runOclif(words, config);
  } catch (error) {
    if (error instanceof Errors.ExitError) process.exitCode = error.oclif.exit ?? 0;
    else report(error, words, config);
  }
}

/** oclif does the same for standard output. */
function outliveReaderOfErrors(): void {
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

function report(error: unknown, argv: string[], config: Config | undefined): void {
  const failure = explain(error, argv, config);
  process.stderr.write(`${formatFailure(failure)}\n`);
  if (process.env["DEBUG"] === "*" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  process.exitCode = failure.exitStatus;
}

import { Errors, type Interfaces } from "@oclif/core";
import { Failure, nearest } from "../output/index.js";

/** The words of `argv` that name a command, as typed: "proxy run". */
export function commandOf(argv: readonly string[], config: Interfaces.Config): string | undefined {
  const names = config.commandIDs.map((id) => id.replaceAll(":", " "));
  const typed = argv.join(" ");
  return names
    .filter((name) => typed === name || typed.startsWith(`${name} `))
    .sort((a, b) => b.length - a.length)[0];
}

/** An error that ended the command line `argv`, in words for its user. */
export function explain(error: unknown, argv: readonly string[], config?: Interfaces.Config): Failure {
  const command = config && commandOf(argv, config);
  const help = ["mesh", command, "--help"].filter(Boolean).join(" ");
  if (error instanceof Failure) {
    return error.exitStatus === 2 && error.hint === undefined ? wrongUsage(error.message, help) : error;
  }
  if (error instanceof Errors.CLIError) return explainOclif(error, help);
  if (isFailedWrite(error)) return new Failure(`the output could not be written (${error.code})`);
  return new Failure(error instanceof Error ? `${error.name}: ${oneLine(error.message)}` : String(error), {
    hint: "the same with DEBUG=* in the environment, which shows where it happened; this is a defect of mesh",
  });
}

const isFailedWrite = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "syscall" in error && error.syscall === "write";

const wrongUsage = (message: string, hint: string) => new Failure(message, { hint, exitStatus: 2 });

/** The parser's errors for flags that do not exist and arguments that are missing; oclif does not export their classes. */
type ParseError = Errors.CLIError & {
  flags?: string[];
  args?: { name: string }[];
  parse?: { input?: { flags?: Record<string, unknown> } };
};

function explainOclif(error: ParseError, help: string): Failure {
  switch (error.constructor.name) {
    case "NonExistentFlagsError":
      return explainUnknownFlags(error, help);
    case "RequiredArgsError": {
      const names = error.args?.map(({ name }) => name.toUpperCase()) ?? [];
      return wrongUsage(`missing argument ${names.join(" ")}`, help);
    }
    default: {
      const message = oneLine(error.message);
      const hint = error.suggestions?.join(", or ");
      return error.oclif.exit === 1
        ? new Failure(message, hint ? { hint } : {})
        : wrongUsage(message, hint ?? help);
    }
  }
}

function explainUnknownFlags({ flags = [], parse }: ParseError, help: string): Failure {
  const known = Object.keys(parse?.input?.flags ?? {}).map((name) => `--${name}`);
  const meant = flags.map((flag) => nearest(flag, known)).find(Boolean);
  return wrongUsage(`unknown flag ${flags.join(", ")}`, meant ? `${meant} (${help} lists all flags)` : help);
}

/** oclif's messages span lines and end with advice of their own. */
function oneLine(message: string): string {
  const text = message
    .replace("See more help with --help", "")
    .replace(/^The following errors? occurred:/, "")
    .replace(/Missing required flag (\S+)/g, "missing flag --$1")
    .replace(/^Parsing (--\S+)\s+Expected/, "$1: expected")
    .replace(/^Unexpected arguments?: /, "unexpected argument ")
    .replace(/\s+/g, " ")
    .trim();
  return text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

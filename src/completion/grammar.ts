import type { Command } from "@oclif/core";
import { RESOURCE_TYPES } from "../resource-type/index.js";

/** A flag as completion sees it. */
export interface FlagGrammar {
  /** With its dashes: `--output`, and `-o` when there is a short form. */
  names: readonly string[];
  meaning: string;
  takesValue: boolean;
  /** What the value can be; empty when it can be anything. */
  values: readonly string[];
}

/** A command as completion sees it. */
export interface CommandGrammar {
  /** `proxy run` */
  name: string;
  meaning: string;
  flags: readonly FlagGrammar[];
  /** What an argument can be; empty when it can be anything. */
  values: readonly string[];
}

/** Arguments and flags of these names take a resource, by the convention of this command line. */
const RESOURCES: ReadonlySet<string> = new Set(["resource", "type", "from", "to"]);

type Manifest = Command.Loadable;

/** What can follow `mesh`, by the names of the commands. */
export function grammarOf(commands: readonly Manifest[]): CommandGrammar[] {
  return commands
    .filter(({ hidden }) => !hidden)
    .map((command) => ({
      name: command.id.replaceAll(":", " "),
      meaning: firstSentence(command.summary ?? command.description),
      flags: [...flagsOf(command), HELP],
      values: valuesOf(command),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const HELP: FlagGrammar = {
  names: ["--help"],
  meaning: "Tell about the command",
  takesValue: false,
  values: [],
};

function flagsOf({ flags }: Manifest): FlagGrammar[] {
  return Object.values(flags).map((flag) => {
    const options = flag.type === "option" ? flag.options : undefined;
    return {
      names: [`--${flag.name}`, ...(flag.char ? [`-${flag.char}`] : [])],
      meaning: firstSentence(flag.summary ?? flag.description),
      takesValue: flag.type === "option",
      values: options ?? (RESOURCES.has(flag.name) ? RESOURCE_TYPES : []),
    };
  });
}

function valuesOf({ args }: Manifest): string[] {
  const all: { name: string; options?: readonly string[] | undefined }[] = Object.values(args);
  return all.flatMap((arg) => arg.options ?? (RESOURCES.has(arg.name) ? RESOURCE_TYPES : []));
}

function firstSentence(text = ""): string {
  return (text.split("\n")[0] ?? "").replace(/\.(\s.*)?$/, "");
}

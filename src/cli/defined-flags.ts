import { Flags, type Interfaces } from "@oclif/core";
import { Failure } from "../output/index.js";

/** A flag as a table defines it. */
export interface FlagDefinition {
  /** Without dashes. */
  readonly name: string;
  /** One sentence, without the default. */
  readonly meaning: string;
  /** The default, for help; empty when there is none. */
  readonly fallback: string;
  readonly type: {
    readonly placeholder: string;
    /** `true` and `false` make it a flag without a value. */
    readonly choices?: readonly string[];
  };
}

type DefinedFlag = Interfaces.OptionFlag<string | undefined> | Interfaces.BooleanFlag<boolean>;

const isBoolean = ({ type }: FlagDefinition) => type.choices?.join() === "true,false";

/** Flags by a table, in its order. Whether a value can be taken is for the table's owner to say. */
export function definedFlags(definitions: readonly FlagDefinition[]): Record<string, DefinedFlag> {
  return Object.fromEntries(definitions.map((definition) => [definition.name, flagOf(definition)]));
}

function flagOf(definition: FlagDefinition): DefinedFlag {
  const { meaning, fallback, type } = definition;
  const description = fallback === "" ? meaning : `${meaning.replace(/\.$/, "")} (default: ${fallback}).`;
  if (isBoolean(definition)) {
    const flag: Interfaces.BooleanFlag<boolean> = Flags.boolean({ description, allowNo: true });
    return flag;
  }
  const options = type.choices && { options: [...type.choices] };
  return Flags.string({ description, helpValue: type.placeholder, ...options });
}

/**
 * The words of a command line, with `--flag=false` of flags without a value as `--no-flag`, which the parser knows.
 * @throws Failure with status 2 when it is neither true nor false
 */
export function withBooleanValues(argv: readonly string[], definitions: readonly FlagDefinition[]): string[] {
  const names = new Set(definitions.filter(isBoolean).map(({ name }) => name));
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  return argv.map((word, index) => {
    const [, name = "", value] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (index >= end || !names.has(name)) return word;
    if (value !== "true" && value !== "false") {
      throw new Failure(`--${name}: ${JSON.stringify(value)} is not true or false`, { exitStatus: 2 });
    }
    return value === "true" ? `--${name}` : `--no-${name}`;
  });
}

/** A word of a command line, as the parser took it. */
interface Token {
  readonly type: string;
  readonly input: string;
  readonly flag?: string;
}

/** The arguments of a command line and the values of the flag `flag`, which means the same, in their order. */
export function argumentsInOrder(tokens: readonly Token[], flag: string): string[] {
  return tokens.filter((token) => token.type === "arg" || token.flag === flag).map(({ input }) => input);
}

/** What was given of a table's flags, as text by name. */
export function givenFlags(
  flags: Readonly<Record<string, unknown>>,
  definitions: readonly FlagDefinition[],
): Record<string, string> {
  const given = definitions.flatMap(({ name }) => {
    const value = flags[name];
    return typeof value === "string" || typeof value === "boolean" ? [[name, String(value)] as const] : [];
  });
  return Object.fromEntries(given);
}

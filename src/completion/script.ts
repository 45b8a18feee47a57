import type { CommandGrammar, FlagGrammar } from "./grammar.js";

/** A word that can come next, and what it means. */
export interface Candidate {
  word: string;
  meaning: string;
}

/** One place on a command line, and what can stand there. */
export interface Place {
  /** The command that was typed so far; empty before it is complete. */
  command: string;
  /** The flag that the word is the value of; empty when the word stands for itself. */
  flag: string;
  candidates: readonly Candidate[];
}

/** Every place of the grammar: the words of commands, each command's flags and arguments, each flag's values. */
export function placesOf(grammar: readonly CommandGrammar[]): Place[] {
  return [...commandPlaces(grammar), ...grammar.flatMap(placesWithin)];
}

/** `mesh` is followed by first words, `mesh proxy` by second words. */
function commandPlaces(grammar: readonly CommandGrammar[]): Place[] {
  const places = new Map<string, Map<string, string>>();
  for (const { name, meaning } of [...grammar, HELP]) {
    const words = name.split(" ");
    words.forEach((word, index) => {
      const before = words.slice(0, index).join(" ");
      const candidates = places.get(before) ?? new Map<string, string>();
      places.set(before, candidates.set(word, index === words.length - 1 ? meaning : `${word} commands`));
    });
  }
  return [...places].map(([command, candidates]) => ({
    command,
    flag: "",
    candidates: [...candidates].map(([word, meaning]) => ({ word, meaning })),
  }));
}

const HELP = { name: "help", meaning: "Tell about a command" };

function placesWithin({ name, flags, values }: CommandGrammar): Place[] {
  const words = [
    ...values.map((word) => ({ word, meaning: "" })),
    ...flags.flatMap(({ names, meaning }) => names.map((word) => ({ word, meaning }))),
  ];
  return [
    { command: name, flag: "", candidates: words },
    ...flags.flatMap((flag) => valuePlaces(name, flag)),
  ];
}

function valuePlaces(command: string, { names, takesValue, values }: FlagGrammar): Place[] {
  if (!takesValue) return [];
  const candidates = values.map((word) => ({ word, meaning: "" }));
  return names.map((flag) => ({ command, flag, candidates }));
}

/** A word that the shell takes as it is. */
export const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

import type { CommandGrammar } from "./grammar.js";
import { placesOf, quoted } from "./script.js";

/** A script for bash 3.2 and newer that completes `mesh`. It needs no other package. */
export function bashScript(grammar: readonly CommandGrammar[]): string {
  const placesByChoices = new Map<string, string[]>();
  for (const { command, flag, candidates } of placesOf(grammar)) {
    const choices = candidates.map(({ word }) => word).join(" ");
    const places = placesByChoices.get(choices) ?? [];
    placesByChoices.set(choices, [...places, quoted(`${command}|${flag}`)]);
  }
  const cases = [...placesByChoices].map(
    ([choices, places]) => `    ${places.join(" | ")}) choices=${quoted(choices)} ;;`,
  );
  const names = grammar.map(({ name }) => `    ${quoted(name)}) command=$typed ;;`);
  return `# Completion of mesh for bash. Load it with: source <(mesh completion bash)

_mesh_command() {
  case $typed in
${names.join("\n")}
  esac
}

_mesh() {
  local word=\${COMP_WORDS[COMP_CWORD]} typed='' command='' choices='' flag='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    [[ \${COMP_WORDS[index]} == -* ]] && break
    typed=\${typed:+$typed }\${COMP_WORDS[index]}
    _mesh_command
  done
  [[ -z $command ]] && command=$typed
  # Bash takes --flag=value for three words.
  index=$((COMP_CWORD - 1))
  [[ $word == = ]] && word=''
  [[ \${COMP_WORDS[index]} == = ]] && index=$((index - 1))
  [[ \${COMP_WORDS[index]} == -* ]] && flag=\${COMP_WORDS[index]}
  _mesh_choices "$command|$flag" || _mesh_choices "$command|"
  COMPREPLY=($(compgen -W "$choices" -- "$word"))
}

_mesh_choices() {
  case $1 in
${cases.join("\n")}
    *) return 1 ;;
  esac
}

complete -o default -F _mesh mesh
`;
}

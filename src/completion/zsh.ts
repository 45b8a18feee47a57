import type { CommandGrammar } from "./grammar.js";
import { placesOf, quoted } from "./script.js";

/** A script for zsh that completes `mesh`, sourced or as the file _mesh in a folder of fpath. */
export function zshScript(grammar: readonly CommandGrammar[]): string {
  const cases = placesOf(grammar).map(({ command, flag, candidates }) => {
    const words = candidates.map(({ word, meaning }) =>
      quoted(`${word.replaceAll(":", "\\:")}${meaning && `:${meaning}`}`),
    );
    return `    ${quoted(`${command}|${flag}`)}) choices=(${words.join(" ")}) ;;`;
  });
  const names = grammar.map(({ name }) => `      ${quoted(name)}) command=$typed ;;`);
  return `#compdef mesh
# Completion of mesh for zsh. Load it with: source <(mesh completion zsh)

_mesh_choices() {
  case $1 in
${cases.join("\n")}
    *) return 1 ;;
  esac
}

_mesh() {
  local typed='' command='' flag='' index
  local -a choices
  for ((index = 2; index < CURRENT; index++)); do
    [[ $words[index] == -* ]] && break
    typed=\${typed:+$typed }$words[index]
    case $typed in
${names.join("\n")}
    esac
  done
  [[ -z $command ]] && command=$typed
  [[ $words[CURRENT-1] == -* ]] && flag=$words[CURRENT-1]
  _mesh_choices "$command|$flag" || _mesh_choices "$command|"
  if (( $#choices )); then
    _describe mesh choices
  else
    _files
  fi
}

if [[ $funcstack[1] == _mesh ]]; then
  _mesh "$@"
else
  compdef _mesh mesh
fi
`;
}

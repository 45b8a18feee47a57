// Completion scripts for shells, generated from the commands there are.
export { bashScript } from "./bash.js";
export { grammarOf } from "./grammar.js";
export { zshScript } from "./zsh.js";

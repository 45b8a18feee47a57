import { Args, Command } from "@oclif/core";
import { bashScript, grammarOf, zshScript } from "../src/completion/index.js";

const SHELLS = ["bash", "zsh"] as const;

/** `mesh completion` */
export default class Completion extends Command {
  static override summary = "Print a script that completes mesh in a shell.";
  static override description = "Completes commands, flags, their values and types of resources.";
  static override examples = [
    {
      description: "Now, and in each new shell when the line is in ~/.bashrc or ~/.zshrc (after compinit):",
      command: "source <(<%= config.bin %> completion bash)",
    },
    {
      description: "In zsh, as a file:",
      command: '<%= config.bin %> completion zsh > "${fpath[1]}/_mesh"',
    },
  ];
  static override args = {
    shell: Args.string({
      ignoreStdin: true,
      options: [...SHELLS],
      required: true,
      description: "bash or zsh.",
    }),
  };

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    const grammar = grammarOf(this.config.commands);
    this.log((args.shell === "bash" ? bashScript(grammar) : zshScript(grammar)).trimEnd());
  }
}

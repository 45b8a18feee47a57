import { type Command, CommandHelp, Help } from "@oclif/core";

/** `mesh --help`: one flat list of every command; the help of a single command is nearly oclif's. */
export default class MeshHelp extends Help {
  protected override CommandHelpClass = MeshCommandHelp;

  protected override showRootHelp(): Promise<void> {
    this.log(`${this.config.pjson.description ?? "mesh"}.\n`);
    this.log(this.section("USAGE", "$ mesh COMMAND [ARGUMENTS] [FLAGS]") + "\n");
    this.log(this.formatCommands(this.sortedCommands) + "\n");
    this.log("mesh COMMAND --help tells more. A first look: mesh demo");
    return Promise.resolve();
  }
}

/** The help of one command: a default reads the same whether the parser knows it or the description alone. */
class MeshCommandHelp extends CommandHelp {
  protected override flags(flags: Command.Flag.Any[]): ReturnType<CommandHelp["flags"]> {
    return super.flags(flags.map(withDefaultDescribed));
  }
}

function withDefaultDescribed(flag: Command.Flag.Any): Command.Flag.Any {
  if (flag.type !== "option" || flag.default === undefined) return flag;
  const description = (flag.description ?? "").replace(/\.$/, "");
  return { ...flag, default: undefined, description: `${description} (default: ${String(flag.default)}).` };
}

import { Help } from "@oclif/core";

/** `mesh --help`: one flat list of every command; the help of a single command is oclif's. */
export default class MeshHelp extends Help {
  protected override showRootHelp(): Promise<void> {
    this.log(`${this.config.pjson.description ?? "mesh"}.\n`);
    this.log(this.section("USAGE", "$ mesh COMMAND [ARGUMENTS] [FLAGS]") + "\n");
    this.log(this.formatCommands(this.sortedCommands) + "\n");
    this.log("mesh COMMAND --help tells more. A first look: mesh demo");
    return Promise.resolve();
  }
}

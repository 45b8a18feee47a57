import { Command } from "@oclif/core";

/** `mesh version` */
export default class Version extends Command {
  static override description = "Print the version of mesh.";

  async run(): Promise<void> {
    await this.parse(Version);
    this.log(`mesh ${this.config.version}`);
  }
}

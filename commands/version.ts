import { Command } from "@oclif/core";

/** `mesh version` */
export default class Version extends Command {
  static override description = "Print the version of mesh.";

  run(): Promise<void> {
    this.log(`mesh ${this.config.version}`);
    return Promise.resolve();
  }
}

import { Command } from "@oclif/core";
import { INSTALL_FLAGS, installedPart, valueSources } from "../src/cli/index.js";
import { printObjects, readInstallation, render, showValues, wrongValues } from "../src/install/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh install` */
export default class Install extends Command {
  static override summary = "Print the manifests that install the mesh into a Kubernetes cluster.";
  static override description =
    "Asks no cluster, and prints no secret: the same version and values give the same output, which can be reviewed, kept in " +
    "version control and applied again.";
  static override usage = "<%= command.id %> [-f FILE]... [--set PATH=VALUE]... [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> | kubectl apply -f -",
    "<%= config.bin %> <%= command.id %> --ha -f values.yaml --set proxy.logLevel=debug > mesh.yaml",
    "<%= config.bin %> <%= command.id %> --show-values",
  ];
  static override flags = INSTALL_FLAGS;

  async run(): Promise<void> {
    const { flags } = await this.parse(Install);
    const printer = new Printer();
    const installation = readInstallation(valueSources(flags), this.config.version);
    if (!installation.ok) throw wrongValues(installation.error, (line) => printer.note(line));
    const { value } = installation;
    if (flags["show-values"]) printer.write(showValues(value.values));
    else printer.write(printObjects(render(value, installedPart(flags)), flags.output));
  }
}

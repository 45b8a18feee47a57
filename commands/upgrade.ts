import { Command, Flags } from "@oclif/core";
import {
  CLUSTER_FLAGS,
  clusterSelection,
  INSTALL_FLAGS,
  installedPart,
  valueSources,
} from "../src/cli/index.js";
import {
  installedValues,
  leftovers,
  type ObjectFormat,
  printObjects,
  readInstallation,
  render,
  showValues,
  wrongValues,
} from "../src/install/index.js";
import { Cluster } from "../src/kubernetes/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh upgrade` */
export default class Upgrade extends Command {
  static override summary =
    "Print the manifests of this version, with the values that the cluster was installed with.";
  static override description =
    "Reads the values from the cluster; those given here win over them. Changes nothing in the cluster. With --prune it prints " +
    "instead what earlier versions or other values have left there.";
  static override usage = "<%= command.id %> [-f FILE]... [--set PATH=VALUE]... [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> | kubectl apply -f -",
    "<%= config.bin %> <%= command.id %> --prune | kubectl delete -f -",
  ];
  static override flags = {
    ...INSTALL_FLAGS,
    prune: Flags.boolean({
      exclusive: ["crds-only", "skip-crds", "show-values"],
      description: "Print the objects in the cluster that this version does not install.",
    }),
    ...CLUSTER_FLAGS,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Upgrade);
    const printer = new Printer();
    const opened = await Cluster.open(clusterSelection(flags));
    if (!opened.ok) throw opened.error;
    const cluster = opened.value;
    try {
      const stored = await installedValues(cluster);
      if (!stored.ok) throw stored.error;
      const sources = { ...valueSources(flags), stored: stored.value };
      const installation = readInstallation(sources, this.config.version);
      if (!installation.ok) throw wrongValues(installation.error, (line) => printer.note(line));
      const { value } = installation;
      const rendered = render(value, installedPart(flags));
      if (flags["show-values"]) printer.write(showValues(value.values));
      else if (flags.prune) await printLeftovers(cluster, rendered, flags.output, printer);
      else printer.write(printObjects(rendered, flags.output));
    } finally {
      cluster.close();
    }
  }
}

async function printLeftovers(
  cluster: Cluster,
  rendered: ReturnType<typeof render>,
  format: ObjectFormat,
  printer: Printer,
): Promise<void> {
  const left = await leftovers(cluster, rendered);
  if (!left.ok) throw left.error;
  if (left.value.length === 0) printer.note("nothing is left of another version or of other values");
  else printer.write(printObjects(left.value, format));
}

import { Command } from "@oclif/core";
import { CLUSTER_FLAGS, clusterSelection, INSTALL_FLAGS } from "../src/cli/index.js";
import { objectsToUninstall, printObjects } from "../src/install/index.js";
import { Cluster } from "../src/kubernetes/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh uninstall` */
export default class Uninstall extends Command {
  static override summary = "Print what is to be deleted to take the mesh out of a cluster.";
  static override description =
    "Reads the cluster and changes nothing in it. With the CustomResourceDefinitions every TrafficPermission, ServicePolicy, " +
    "ExternalService and Workload goes. Pods keep their sidecars until they are made anew.";
  static override examples = ["<%= config.bin %> <%= command.id %> | kubectl delete -f -"];
  static override flags = { output: INSTALL_FLAGS.output, ...CLUSTER_FLAGS };

  async run(): Promise<void> {
    const { flags } = await this.parse(Uninstall);
    const opened = await Cluster.open(clusterSelection(flags));
    if (!opened.ok) throw opened.error;
    const cluster = opened.value;
    try {
      const objects = await objectsToUninstall(cluster);
      if (!objects.ok) throw objects.error;
      new Printer().write(printObjects(objects.value, flags.output));
    } finally {
      cluster.close();
    }
  }
}

import { Command, Flags } from "@oclif/core";
import { CONTROL_PLANE_FLAGS, controlPlaneNaming, readWait } from "../../src/cli/index.js";
import { Printer } from "../../src/output/index.js";
import { rotate } from "../../src/rotation/index.js";

/** `mesh ca rotate` */
export default class CaRotate extends Command {
  static override summary = "Give the mesh a new root, without cutting off anybody.";
  static override description =
    "In three steps: every proxy trusts a new root beside the present one; the new root signs, and every proxy is certified anew; the " +
    "former root is dropped. Goes on as far as no proxy is cut off, and otherwise ends with 1 and says who is waited for; given " +
    "again, it goes on from there. With --directory for a control plane on plain hosts, otherwise for the cluster of the kubeconfig.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh",
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh --status",
    "<%= config.bin %> <%= command.id %> --context production --wait 10m",
  ];
  static override flags = {
    directory: Flags.string({
      helpValue: "DIR",
      description: "The directory of the control plane, on its host; its API is asked who is certified.",
    }),
    wait: Flags.string({
      helpValue: "TIME",
      default: "10s",
      description: "How long each step waits for proxies.",
    }),
    status: Flags.boolean({
      description: "Only tell which step it is at and what it waits for.",
      exclusive: ["force"],
    }),
    force: Flags.boolean({
      description: "Go one step on, and ask nobody: proxies that are not ready for it are cut off.",
    }),
    ...CONTROL_PLANE_FLAGS,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CaRotate);
    const { directory, force, status, wait } = flags;
    const naming = controlPlaneNaming(flags);
    const waitSeconds = readWait(wait);
    await rotate({ ...naming, directory, force, statusOnly: status, waitSeconds }, new Printer());
  }
}

import { Command, Flags } from "@oclif/core";
import { CONTROL_PLANE_FLAGS, controlPlaneNaming, readWait } from "../src/cli/index.js";
import { check } from "../src/check/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh check` */
export default class Check extends Command {
  static override summary = "Check that the mesh works, or with --pre that it can be installed.";
  static override description =
    "Looks at the cluster that the kubeconfig names; without one, or with --api, at the control plane on a plain host. " +
    "Each line is ✓, ‼ (a warning) or ✗, with what to try and where to read about it. Ends with 1 when a check failed.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --pre",
    "<%= config.bin %> <%= command.id %> --wait 60s",
    "<%= config.bin %> <%= command.id %> --api 127.0.0.1:8085 -o json",
  ];
  static override flags = {
    pre: Flags.boolean({ description: "Check whether the mesh can be installed.", exclusive: ["api"] }),
    wait: Flags.string({
      helpValue: "TIME",
      default: "0s",
      description: "Repeat what fails for so long.",
    }),
    output: Flags.option({
      char: "o",
      options: ["table", "json"] as const,
      default: "table",
      description: "json is printed at the end.",
    })(),
    ...CONTROL_PLANE_FLAGS,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Check);
    const { output, pre, wait } = flags;
    await check(
      {
        ...controlPlaneNaming(flags),
        beforeInstall: pre,
        version: this.config.version,
        output,
        waitSeconds: readWait(wait),
      },
      new Printer(),
    );
  }
}

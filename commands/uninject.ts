import { Command } from "@oclif/core";
import { MANIFEST_ARGS, MANIFEST_FLAGS, manifestOrder } from "../src/cli/index.js";
import { editInputs } from "../src/edit/index.js";
import { readKinds, UNINJECT_OUTCOMES, uninjecting } from "../src/inject/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh uninject` */
export default class Uninject extends Command {
  static override summary = "Take the sidecar away from the pods of manifests.";
  static override description =
    "Prints the manifests as they were before mesh inject, byte for byte. Without a FILE it reads standard input.";
  static override usage = "<%= command.id %> [-f FILE|DIR|URL|-]... [FILE...] [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> -f after.yml > before.yml",
    "kubectl get deploy -n shop -o yaml | <%= config.bin %> <%= command.id %> | kubectl apply -f -",
  ];
  static override strict = false;
  static override args = MANIFEST_ARGS;
  static override flags = MANIFEST_FLAGS;

  async run(): Promise<void> {
    const { flags, raw } = await this.parse(Uninject);
    const order = {
      ...manifestOrder(flags, raw),
      edit: uninjecting(readKinds(flags["pod-template-path"] ?? [])),
      outcomes: UNINJECT_OUTCOMES,
    };
    if (!(await editInputs(order, new Printer()))) process.exitCode = 1;
  }
}

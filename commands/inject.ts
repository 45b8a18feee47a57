import { Command, Flags } from "@oclif/core";
import {
  definedFlags,
  givenFlags,
  MANIFEST_ARGS,
  MANIFEST_FLAGS,
  manifestOrder,
  withBooleanValues,
} from "../src/cli/index.js";
import { editInputs } from "../src/edit/index.js";
import { flagContext, INJECT_OUTCOMES, injectingWith, OPTION_LIST } from "../src/inject/index.js";
import { Printer } from "../src/output/index.js";

/** `mesh inject` */
export default class Inject extends Command {
  static override summary = "Add the sidecar to the pods of manifests.";
  static override description =
    "Prints the manifests with nothing but lines added; mesh uninject takes them away again. Without a FILE it reads standard " +
    "input. What became of each resource is told on standard error. Annotations config.mesh.dev/OPTION on a pod template win " +
    "over flags.";
  static override usage = "<%= command.id %> [-f FILE|DIR|URL|-]... [FILE...] [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> -f before.yml > after.yml",
    "kubectl get deploy -n shop -o yaml | <%= config.bin %> <%= command.id %> | kubectl apply -f -",
    "<%= config.bin %> <%= command.id %> -R -f manifests/ --in-place --skip-outbound-ports 3306",
  ];
  static override strict = false;
  static override args = MANIFEST_ARGS;
  static override flags = {
    ...MANIFEST_FLAGS,
    "fail-on-skip": Flags.boolean({ description: "End with 1 when a pod gets no sidecar." }),
    ...definedFlags(OPTION_LIST),
  };

  async run(): Promise<void> {
    const { flags, raw } = await this.parse(Inject, withBooleanValues(this.argv, OPTION_LIST));
    const context = flagContext({
      given: givenFlags(flags, OPTION_LIST),
      podTemplatePaths: flags["pod-template-path"] ?? [],
      version: this.config.version,
    });
    const order = {
      ...manifestOrder(flags, raw),
      edit: injectingWith(context, findControlPlane),
      outcomes: INJECT_OUTCOMES,
      failOn: flags["fail-on-skip"] ? "skipped" : undefined,
    };
    if (!(await editInputs(order, new Printer()))) process.exitCode = 1;
  }
}

/** Loaded only where it is needed: it takes longer than most injections. */
async function findControlPlane(): Promise<string | undefined> {
  const install = await import("../src/install/index.js");
  return install.findControlPlane();
}

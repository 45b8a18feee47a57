import { Args, Command, Flags } from "@oclif/core";
import { argumentsInOrder } from "../src/cli/index.js";
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
  static override args = {
    file: Args.string({
      ignoreStdin: true,
      description: "A file, a folder, an http(s) address, or - for standard input.",
    }),
  };
  static override flags = {
    filename: Flags.string({
      char: "f",
      helpValue: "FILE",
      multiple: true,
      multipleNonGreedy: true,
      description: "The same as an argument. Repeatable.",
    }),
    recursive: Flags.boolean({ char: "R", description: "Look into folders within folders too." }),
    "in-place": Flags.boolean({ description: "Write the files back, each at once or not at all." }),
    report: Flags.option({
      options: ["json"] as const,
      description: "Tell what became of each resource in a form for machines.",
    })(),
    quiet: Flags.boolean({ char: "q", exclusive: ["report"], description: "Tell of errors alone." }),
    "pod-template-path": Flags.string({
      helpValue: "GROUP/KIND=PATH",
      multiple: true,
      multipleNonGreedy: true,
      description:
        "Where objects of another kind have a pod template: argoproj.io/Rollout=spec.template. Repeatable.",
    }),
  };

  async run(): Promise<void> {
    const { flags, raw } = await this.parse(Uninject);
    const order = {
      words: argumentsInOrder(raw, "filename"),
      recursive: flags.recursive,
      inPlace: flags["in-place"],
      report: flags.quiet ? ("errors" as const) : (flags.report ?? ("lines" as const)),
      edit: uninjecting(readKinds(flags["pod-template-path"] ?? [])),
      outcomes: UNINJECT_OUTCOMES,
    };
    if (!(await editInputs(order, new Printer()))) process.exitCode = 1;
  }
}

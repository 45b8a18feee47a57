import { Args, Flags, type Interfaces } from "@oclif/core";
import type { EditOrder } from "../edit/index.js";
import { argumentsInOrder } from "./defined-flags.js";

/** The arguments of the commands that edit manifests. */
export const MANIFEST_ARGS = {
  file: Args.string({
    ignoreStdin: true,
    description: "A file, a folder, an http(s) address, or - for standard input.",
  }),
};

/** Their flags: which manifests, where the result goes, and how it is told what became of them. */
export const MANIFEST_FLAGS = {
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

type ManifestFlags = Interfaces.InferredFlags<typeof MANIFEST_FLAGS>;

/** Which manifests are edited, and what is told of it, by the command line. */
export function manifestOrder(
  flags: ManifestFlags,
  tokens: Parameters<typeof argumentsInOrder>[0],
): Pick<EditOrder, "words" | "recursive" | "inPlace" | "report"> {
  return {
    words: argumentsInOrder(tokens, "filename"),
    recursive: flags.recursive,
    inPlace: flags["in-place"],
    report: flags.quiet ? "errors" : (flags.report ?? "lines"),
  };
}

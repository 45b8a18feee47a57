import { Args, Command, Flags } from "@oclif/core";
import {
  CONTROL_PLANE_FLAGS,
  controlPlaneNaming,
  NAMESPACE_FLAGS,
  namespaceAsked,
} from "../src/cli/index.js";
import { openControlPlane } from "../src/client/index.js";
import { Printer } from "../src/output/index.js";
import { takeSignals } from "../src/process/index.js";
import { parseResource } from "../src/resource-type/index.js";
import { showTap, type TapQuestion } from "../src/tap/index.js";

/** `mesh tap` */
export default class Tap extends Command {
  static override summary = "Watch requests as they happen.";
  static override description =
    "A line for the head of each request, for the head of its response and for its end, from every proxy of the resources, " +
    "those that join later included. Ends with Ctrl-C.";
  static override usage = "<%= command.id %> TYPE[/NAME] [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> workload/hello",
    "<%= config.bin %> <%= command.id %> workload/hello --to service/world --method GET --path /api",
    "<%= config.bin %> <%= command.id %> all -A --max-rps 10 -o json",
  ];
  static override args = {
    type: Args.string({
      required: true,
      ignoreStdin: true,
      description: "TYPE/NAME, or TYPE alone for all of them.",
    }),
    name: Args.string({ ignoreStdin: true, description: "A single resource of the type." }),
  };
  static override flags = {
    ...NAMESPACE_FLAGS,
    to: Flags.string({ helpValue: "TYPE/NAME", description: "Only what the resources send to this." }),
    method: Flags.string({ helpValue: "METHOD", description: "Only requests with this method: GET." }),
    path: Flags.string({ helpValue: "PREFIX", description: "Only requests whose path begins so." }),
    authority: Flags.string({ helpValue: "NAME", description: "Only requests for this host (and port)." }),
    scheme: Flags.option({ options: ["http", "https"] as const, description: "Only this scheme." })(),
    "max-rps": Flags.integer({
      helpValue: "N",
      min: 1,
      max: 100_000,
      default: 100,
      description: "At most so many requests a second.",
    }),
    output: Flags.option({
      char: "o",
      options: ["wide", "json", "yaml"] as const,
      description:
        "wide adds time, addresses and owners; json is one object a line, yaml one document an event.",
    })(),
    ...CONTROL_PLANE_FLAGS,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Tap);
    const asked = {
      target: parseResource([args.type, ...(args.name === undefined ? [] : [args.name])]),
      ...(flags.to !== undefined && { to: parseResource([flags.to]) }),
      ...(flags.method !== undefined && { method: flags.method }),
      ...(flags.path !== undefined && { pathPrefix: flags.path }),
      ...(flags.authority !== undefined && { authority: flags.authority }),
      ...(flags.scheme !== undefined && { scheme: flags.scheme }),
      maxRps: flags["max-rps"],
      output: flags.output ?? "line",
    } as const;
    const client = await openControlPlane(controlPlaneNaming(flags));
    const namespace = namespaceAsked(flags, client);
    const question: TapQuestion = { ...asked, namespace };
    const printer = new Printer();
    const interrupt = new AbortController();
    const release = takeSignals(() => interrupt.abort());
    try {
      await showTap(client, question, printer, AbortSignal.any([interrupt.signal, printer.readerGone]));
    } finally {
      release();
      client.close();
    }
  }
}

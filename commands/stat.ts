import { Args, Command, Flags } from "@oclif/core";
import {
  CONTROL_PLANE_FLAGS,
  controlPlaneNaming,
  NAMESPACE_FLAGS,
  namespaceAsked,
  readWindow,
  WINDOW_FLAG,
} from "../src/cli/index.js";
import { type ControlPlaneClient, openControlPlane } from "../src/client/index.js";
import { Printer } from "../src/output/index.js";
import { takeSignals } from "../src/process/index.js";
import { parseResource } from "../src/resource-type/index.js";
import { showStat, type StatQuestion, watchStat } from "../src/stat/index.js";

/** `mesh stat` */
export default class Stat extends Command {
  static override summary = "Show success rate, requests a second and latency of what is in the mesh.";
  static override description =
    "TYPE is deployment, statefulset, daemonset, job, cronjob, workload (any of these), pod, service, namespace, node or all. " +
    "Workloads, pods, nodes and namespaces are shown with the requests that they served, services with those that were sent to them.";
  static override usage = "<%= command.id %> [TYPE[/NAME] | TYPE NAME] [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> svc -A -o wide",
    "<%= config.bin %> <%= command.id %> workload/world --from workload/hello -t 5m -w",
  ];
  static override args = {
    type: Args.string({ ignoreStdin: true, description: "TYPE or TYPE/NAME (default: workload)." }),
    name: Args.string({ ignoreStdin: true, description: "A single resource of the type." }),
  };
  static override flags = {
    ...NAMESPACE_FLAGS,
    from: Flags.string({
      helpValue: "TYPE/NAME",
      exclusive: ["to"],
      description: "Only what these send to the resources.",
    }),
    to: Flags.string({ helpValue: "TYPE/NAME", description: "Only what the resources send to these." }),
    window: WINDOW_FLAG,
    watch: Flags.boolean({ char: "w", description: "Show it again and again." }),
    output: Flags.option({
      char: "o",
      options: ["table", "wide", "json", "yaml"] as const,
      default: "table",
      description: "wide adds protocols, TCP connections and bytes.",
    })(),
    ...CONTROL_PLANE_FLAGS,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Stat);
    const words = [args.type ?? "workload", ...(args.name === undefined ? [] : [args.name])];
    const asked = {
      resource: parseResource(words),
      ...(flags.from !== undefined && { from: parseResource([flags.from]) }),
      ...(flags.to !== undefined && { to: parseResource([flags.to]) }),
      windowSeconds: readWindow(flags.window),
      output: flags.output,
    };
    const client = await openControlPlane(controlPlaneNaming(flags));
    const namespace = namespaceAsked(flags, client);
    const question: StatQuestion = { ...asked, namespace };
    const printer = new Printer();
    try {
      if (flags.watch) await watch(client, question, printer);
      else await showStat(client, question, printer);
    } finally {
      client.close();
    }
  }
}

async function watch(client: ControlPlaneClient, question: StatQuestion, printer: Printer): Promise<void> {
  const interrupt = new AbortController();
  const release = takeSignals(() => interrupt.abort());
  try {
    await watchStat(client, question, printer, AbortSignal.any([interrupt.signal, printer.readerGone]));
  } finally {
    release();
  }
}

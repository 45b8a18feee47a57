import { Args, Command, Flags } from "@oclif/core";
import { showAuth } from "../src/auth/index.js";
import {
  CONTROL_PLANE_FLAGS,
  controlPlaneNaming,
  NAMESPACE_FLAGS,
  namespaceAsked,
  readWindow,
  WINDOW_FLAG,
} from "../src/cli/index.js";
import { openControlPlane } from "../src/client/index.js";
import { Printer } from "../src/output/index.js";
import { parseResource, RESOURCE_TYPES } from "../src/resource-type/index.js";

/** A node is not called; the pods on it are. */
const TYPES = RESOURCE_TYPES.filter((type) => type !== "node");

/** `mesh auth` */
export default class Auth extends Command {
  static override summary = "Show who may call a workload, who did, and who was refused by which permission.";
  static override description =
    "TYPE is deployment, statefulset, daemonset, job, cronjob, workload (any of these), pod, service, namespace or all. " +
    "Permissions are TrafficPermissions; docs/permissions.md tells what they mean together.";
  static override usage = "<%= command.id %> TYPE[/NAME] | TYPE NAME [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> deploy/web -n shop",
    "<%= config.bin %> <%= command.id %> workload -A -o wide",
    "<%= config.bin %> <%= command.id %> svc/web -t 10m -o json",
  ];
  static override args = {
    type: Args.string({ ignoreStdin: true, required: true, description: "TYPE or TYPE/NAME." }),
    name: Args.string({ ignoreStdin: true, description: "A single resource of the type." }),
  };
  static override flags = {
    ...NAMESPACE_FLAGS,
    window: WINDOW_FLAG,
    output: Flags.option({
      char: "o",
      options: ["table", "wide", "json", "yaml"] as const,
      default: "table",
      description: "wide adds pods, and the identities that workloads have.",
    })(),
    ...CONTROL_PLANE_FLAGS,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Auth);
    const resource = parseResource([args.type, ...(args.name === undefined ? [] : [args.name])], TYPES);
    const windowSeconds = readWindow(flags.window);
    const client = await openControlPlane(controlPlaneNaming(flags));
    try {
      const namespace = namespaceAsked(flags, client);
      await showAuth(client, { resource, namespace, windowSeconds, output: flags.output }, new Printer());
    } finally {
      client.close();
    }
  }
}

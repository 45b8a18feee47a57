import { Command, Flags } from "@oclif/core";
import { once } from "node:events";
import type { Source } from "../../src/control-plane/index.js";
import { Failure } from "../../src/output/index.js";
import { takeSignals } from "../../src/process/index.js";

const WRONG_USAGE = { exitStatus: 2 } as const;

/** `mesh control-plane run` */
export default class ControlPlaneRun extends Command {
  static override summary = "Run the control plane: discovery for proxies, and the API for commands.";
  static override description =
    "Reads the services and workloads of a directory, or of a Kubernetes cluster, and follows their changes. Logs on standard " +
    "error. SIGTERM and Ctrl-C end it; proxies go on with what they know.";
  static override usage = [
    "<%= command.id %> --directory DIR [FLAGS]",
    "<%= command.id %> --registry kubernetes [FLAGS]",
  ];
  static override examples = [
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh",
    "<%= config.bin %> <%= command.id %> --directory . --listen 10.0.0.5:8086",
    "<%= config.bin %> <%= command.id %> --registry kubernetes",
  ];
  static override flags = {
    registry: Flags.option({
      options: ["directory", "kubernetes"] as const,
      default: "directory" as const,
      description: "What says which services and workloads there are.",
    })(),
    directory: Flags.string({
      helpValue: "DIR",
      description: "Where disco/NAME files and YAML resources are.",
    }),
    kubeconfig: Flags.string({
      helpValue: "FILE",
      description: "Of the cluster, instead of KUBECONFIG, ~/.kube/config and a pod's own account.",
    }),
    context: Flags.string({ helpValue: "NAME", description: "A context of the kubeconfig." }),
    listen: Flags.string({
      default: "127.0.0.1:8086",
      helpValue: "HOST:PORT",
      description: "Where proxies connect. Port 0 takes a free one.",
    }),
    "api-listen": Flags.string({
      default: "127.0.0.1:8085",
      helpValue: "HOST:PORT",
      description: "Where commands connect, on loopback. Port 0 takes a free one.",
    }),
    "admin-listen": Flags.string({
      helpValue: "HOST:PORT",
      description: "Where probes and Prometheus connect. Nowhere unless given; port 0 takes a free one.",
    }),
    "log-format": Flags.option({
      options: ["text", "json"] as const,
      default: "text" as const,
      description: "How a line of the log looks.",
    })(),
    "stop-with-stdin": Flags.boolean({
      hidden: true,
      description: "End when standard input ends, so that nothing outlives a supervisor that was killed.",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ControlPlaneRun);
    const { startControlPlane } = await import("../../src/control-plane/index.js");
    const source = await sourceOf(flags);
    const end = new AbortController();
    const asked = once(end.signal, "abort");
    const stop = () => end.abort();
    takeSignals(stop);
    if (flags["stop-with-stdin"]) process.stdin.on("close", stop).on("error", stop).resume();
    const started = await startControlPlane({
      source,
      signal: end.signal,
      listen: flags.listen,
      apiListen: flags["api-listen"],
      adminListen: flags["admin-listen"],
      version: this.config.version,
      logFormat: flags["log-format"],
      writeLog: (line) => process.stderr.write(line),
    });
    if (!started.ok) throw started.error;
    await asked;
    await started.value.stop();
    // Standard input may still be open, and is no reason to stay.
    process.stdin.destroy();
  }
}

interface SourceFlags {
  registry: "directory" | "kubernetes";
  directory?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
}

/** What the flags say of the source; those of the other one are refused. */
async function sourceOf({ registry, directory, kubeconfig, context }: SourceFlags): Promise<Source> {
  if (registry === "kubernetes") {
    if (directory !== undefined)
      throw new Failure("--directory is not for --registry kubernetes", WRONG_USAGE);
    const { Cluster } = await import("../../src/kubernetes/index.js");
    const cluster = await Cluster.open({ kubeconfig, context });
    if (!cluster.ok) throw cluster.error;
    return { cluster: cluster.value };
  }
  if (kubeconfig !== undefined || context !== undefined) {
    throw new Failure("--kubeconfig and --context are for --registry kubernetes", WRONG_USAGE);
  }
  if (directory === undefined) {
    throw new Failure("missing flag --directory", {
      hint: "mesh control-plane run --directory DIR, or --registry kubernetes",
      exitStatus: 2,
    });
  }
  return { directory };
}

import { Command, Flags } from "@oclif/core";
import { takeSignals } from "../../src/process/index.js";

/** `mesh control-plane run` */
export default class ControlPlaneRun extends Command {
  static override summary = "Run the control plane: discovery for proxies, and the API for commands.";
  static override description =
    "Reads the services and workloads of a directory and follows its changes. Logs on standard error. SIGTERM and Ctrl-C end " +
    "it; proxies go on with what they know.";
  static override usage = "<%= command.id %> --directory DIR [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --directory /etc/mesh",
    "<%= config.bin %> <%= command.id %> --directory . --listen 10.0.0.5:8086",
  ];
  static override flags = {
    directory: Flags.string({
      required: true,
      helpValue: "DIR",
      description: "Where disco/NAME files and YAML resources are.",
    }),
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
    const asked = new Promise<void>((resolve) => {
      takeSignals(() => resolve());
      if (flags["stop-with-stdin"]) process.stdin.on("close", resolve).on("error", resolve).resume();
    });
    const started = await startControlPlane({
      directory: flags.directory,
      listen: flags.listen,
      apiListen: flags["api-listen"],
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

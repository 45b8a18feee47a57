import { Command, Flags } from "@oclif/core";
import { constants } from "node:os";
import { SupervisedProcess, takeSignals } from "../../src/process/index.js";
import { findProxyBinary, sidecarEnvironment } from "../../src/sidecar/index.js";

/** `mesh proxy run` */
export default class ProxyRun extends Command {
  static override summary = "Run a sidecar proxy beside a service.";
  static override description =
    "Every flag has a variable of the proxy itself (MESH_PROXY_NAME for --name); a flag wins. Port 0 takes a free port. " +
    "Ends as the proxy ends; SIGTERM and Ctrl-C let requests in flight finish first.";
  static override usage = "<%= command.id %> [--name NAME] [--inbound LISTEN=APPLICATION]... [FLAGS]";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --name hello-1 --workload hello --inbound 10000=127.0.0.1:9000",
    "<%= config.bin %> <%= command.id %> --name hello-1 --outbound off --inbound 10000=9000 --admin 0 --tap 0",
  ];
  static override flags = {
    name: Flags.string({ helpValue: "NAME", description: "The instance's name (default: the host's)." }),
    namespace: Flags.string({
      char: "n",
      helpValue: "NAMESPACE",
      description: "Its namespace (default: default).",
    }),
    workload: Flags.string({
      helpValue: "[KIND/]NAME",
      description: "The workload that the instance belongs to (default: the instance's name).",
    }),
    "control-plane": Flags.string({
      helpValue: "HOST:PORT",
      description: "Where to learn of services (default: 127.0.0.1:8086).",
    }),
    outbound: Flags.string({
      helpValue: "ADDRESS",
      description:
        "Where the application sends its requests, and where its connections are redirected to, or off " +
        "(default: 127.0.0.1:4140,[::1]:4140).",
    }),
    inbound: Flags.string({
      helpValue: "LISTEN=APPLICATION",
      multiple: true,
      multipleNonGreedy: true,
      description:
        "Where others reach the application, and where it listens; 4143=original where connections to it are redirected. " +
        "Repeatable.",
    }),
    admin: Flags.string({
      helpValue: "ADDRESS",
      description: "Metrics and health (default: 127.0.0.1:4191).",
    }),
    tap: Flags.string({ helpValue: "ADDRESS", description: "For mesh tap (default: 127.0.0.1:4190)." }),
    "opaque-ports": Flags.string({
      helpValue: "PORTS",
      description: "Ports and ranges whose connections are passed through unseen (default: none).",
    }),
    "token-file": Flags.string({
      helpValue: "FILE",
      description: "The token that shows whose proxy it is; read anew whenever it is shown (default: none).",
    }),
    "trust-roots": Flags.string({
      helpValue: "FILE",
      description:
        "The certificates (PEM) of the mesh's roots. With it, and a token, connections to the control plane and to other proxies " +
        "are secured (default: none).",
    }),
    "inbound-tls": Flags.string({
      helpValue: "MODE",
      options: ["permissive", "strict"],
      description:
        "Whether others may call the application in plain text; strict takes what the mesh has secured alone (default: permissive).",
    }),
    workers: Flags.string({ helpValue: "N", description: "Threads that relay traffic (default: 1)." }),
    "max-connections": Flags.string({
      helpValue: "N",
      description: "Connections that are served at once; more are refused (default: 10000).",
    }),
    "log-level": Flags.string({
      helpValue: "LEVEL",
      options: ["error", "warn", "info", "debug"],
      description: "What to log (default: info).",
    }),
    "log-format": Flags.string({
      helpValue: "FORMAT",
      options: ["text", "json"],
      description: "How to log (default: text).",
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(ProxyRun);
    const settings = sidecarEnvironment({
      ...flags,
      controlPlane: flags["control-plane"],
      opaquePorts: flags["opaque-ports"],
      maxConnections: flags["max-connections"],
      tokenFile: flags["token-file"],
      trustRoots: flags["trust-roots"],
      inboundTls: flags["inbound-tls"],
      logLevel: flags["log-level"],
      logFormat: flags["log-format"],
    });
    // Before the proxy starts: it may listen, and somebody see that and send us a signal, before we are on our way again.
    const release = takeSignals((signal) => {
      // The proxy does not know SIGHUP; a terminal that was closed asks it to end like anything else.
      proxy.signal(signal === "SIGHUP" ? "SIGTERM" : signal);
    });
    const proxy = new SupervisedProcess({
      command: findProxyBinary(),
      env: { ...process.env, ...settings, MESH_PROXY_STOP_WITH_STDIN: "true" },
    });
    const { status, signal } = await proxy.ended;
    release();
    process.exitCode = status ?? 128 + (signal ? constants.signals[signal] : 0);
  }
}

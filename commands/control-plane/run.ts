import { Command, Flags, type Interfaces } from "@oclif/core";
import { once } from "node:events";
import type { Roles, Source } from "../../src/control-plane/index.js";
import { DEFAULT_TRUST_DOMAIN, hasAuthority } from "../../src/identity/index.js";
import type { Cluster } from "../../src/kubernetes/index.js";
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
    role: Flags.option({
      options: ["discovery", "identity", "webhook"] as const,
      multiple: true,
      multipleNonGreedy: true,
      default: ["discovery"] as const,
      description:
        "What this process does; can be given several times. identity keeps the trust root and certifies proxies; a --directory " +
        "that has a certificate authority (mesh ca create) implies it. webhook answers what the API server of a cluster asks about " +
        "new pods and resources of the mesh.",
    })(),
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
    "webhook-listen": Flags.string({
      default: "127.0.0.1:8443",
      helpValue: "HOST:PORT",
      description: "Where the API server connects. Port 0 takes a free one.",
    }),
    "admin-listen": Flags.string({
      helpValue: "HOST:PORT",
      description: "Where probes (/live, /ready) and Prometheus (/metrics) connect; nowhere without it.",
    }),
    "prometheus-url": Flags.string({
      helpValue: "URL",
      description:
        "A Prometheus that scrapes the proxies. What commands show comes from it; without it, from what the control plane itself " +
        "has seen in the last ten minutes.",
    }),
    "prometheus-proxy": Flags.string({
      helpValue: "HOST:PORT",
      description:
        "An HTTP proxy by which that Prometheus is asked: the sidecar of a control plane that has one.",
    }),
    "cluster-domain": Flags.string({
      default: "cluster.local",
      helpValue: "DOMAIN",
      description: "The DNS domain that ends whole names of services.",
    }),
    "trust-domain": Flags.string({
      helpValue: "DOMAIN",
      description:
        "The part of workloads' identities that says which mesh they belong to (default: that of the certificate authority that " +
        "is there, or cluster.local).",
    }),
    "issuer-secret": Flags.string({
      helpValue: "NAME",
      description:
        "A Secret in mesh-system with what signs certificates, instead of one of the control plane's own.",
    }),
    "default-permission": Flags.option({
      options: ["allow", "deny"] as const,
      default: "allow" as const,
      description: "What becomes of requests and connections that no TrafficPermission is for.",
    })(),
    values: Flags.string({
      helpValue: "FILE",
      description: "The values of the installation, for the webhook.",
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
    const { startRoles } = await import("../../src/control-plane/index.js");
    const roles = await rolesOf(flags);
    const end = new AbortController();
    const asked = once(end.signal, "abort");
    const stop = () => end.abort();
    takeSignals(stop);
    if (flags["stop-with-stdin"]) process.stdin.on("close", stop).on("error", stop).resume();
    try {
      const started = await startRoles(roles, {
        signal: end.signal,
        version: this.config.version,
        logFormat: flags["log-format"],
        writeLog: (line) => process.stderr.write(line),
      });
      if (!started.ok) throw started.error;
      await asked;
      await started.value.stop();
    } finally {
      // Standard input may still be open, and is no reason to stay.
      process.stdin.destroy();
    }
  }
}

type RunFlags = Interfaces.InferredFlags<typeof ControlPlaneRun.flags>;

/** The roles that the flags ask for; contradictions are refused. */
async function rolesOf(flags: RunFlags): Promise<Roles> {
  const source = await sourceOf(flags);
  const discovery = {
    source,
    listen: flags.listen,
    apiListen: flags["api-listen"],
    prometheusUrl: flags["prometheus-url"],
    prometheusProxy: flags["prometheus-proxy"],
    clusterDomain: flags["cluster-domain"],
    defaultPermission: flags["default-permission"],
  };
  const roles = new Set<string>(flags.role);
  return {
    adminListen: flags["admin-listen"],
    ...(roles.has("discovery") && { discovery }),
    ...((roles.has("identity") || (await impliesIdentity(source))) && {
      identity: identityOf(source, flags),
    }),
    ...(roles.has("webhook") && {
      webhook: {
        cluster: clusterOf(source, "webhook"),
        listen: flags["webhook-listen"],
        values: flags.values ?? missingValues(),
      },
    }),
  };
}

function identityOf(source: Source, flags: RunFlags): NonNullable<Roles["identity"]> {
  const { "trust-domain": trustDomain, "issuer-secret": issuerSecret } = flags;
  if ("directory" in source) return { directory: source.directory, trustDomain };
  return { cluster: source.cluster, trustDomain: trustDomain ?? DEFAULT_TRUST_DOMAIN, issuerSecret };
}

/** A certificate authority that is there is there to be used. */
const impliesIdentity = async (source: Source): Promise<boolean> =>
  "directory" in source && (await hasAuthority(source.directory));

function clusterOf(source: Source, role: string): Cluster {
  if ("cluster" in source) return source.cluster;
  throw new Failure(`--role ${role} is for --registry kubernetes`, WRONG_USAGE);
}

function missingValues(): never {
  throw new Failure("missing flag --values", {
    hint: "mesh install --show-values > values.yaml, then --values values.yaml",
    exitStatus: 2,
  });
}

/** What the flags say of the source; those of the other one are refused. */
async function sourceOf({ registry, directory, kubeconfig, context }: RunFlags): Promise<Source> {
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
